"""What is reported when the parts of an application do not fit together."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.gateway import ROOT
from tidegate.application import load_application
from tidegate.config import Settings
from tidegate.handlers.loading import PACKAGE


def test_handlers_over_generated_code_of_another_schema_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "lone_handlers.py").write_text("from tidegate.handlers import Gateway\n\ngateway = Gateway()\n")
    settings = Settings(schema=str(ROOT / "schema"), handlers="lone_handlers:gateway")
    package = ModuleType(PACKAGE)
    monkeypatch.setitem(sys.modules, PACKAGE, package)
    package.CONTRACT = load_application(settings).contract.hash  # type: ignore[attr-defined]  # as it is generated
    load_application(settings)
    assert not caplog.messages
    package.CONTRACT = "another"  # type: ignore[attr-defined]  # as above
    load_application(settings)
    (message,) = caplog.messages
    assert PACKAGE in message
    assert message.endswith("type: tidegate generate")
