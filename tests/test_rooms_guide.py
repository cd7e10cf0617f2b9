"""docs/how-to/rooms.md: its schema and its Python run as they stand there, and its reasons are the gateway's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import ROOT
from tidegate.testing import running
from tidegate_client import RequestRefused

GUIDE = (ROOT / "docs" / "how-to" / "rooms.md").read_text()
(SCHEMA,), (CODE,) = (
    re.findall(rf"^```{kind}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL) for kind in ("json", "python")
)


def test_the_guide_works_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "schema" / "rooms" / "chat.schema.json"
    file.parent.mkdir(parents=True)
    file.write_text(SCHEMA)
    with running(tmp_path / "schema") as gateway, gateway.blocking_client("1", name="Ann") as ann:
        room = ann.join("chat-1")
        room.send({"text": "earlier"})
        monkeypatch.setenv("GATEWAY", gateway.url)
        monkeypatch.setenv("TOKEN", gateway.token("2", name="Bo"))
        exec(compile(CODE, "chat.py", "exec"), {"__name__": "chat"})  # the guide's code
        assert capsys.readouterr().out.splitlines() == ["before: earlier", "Bo says Hello"]
        wrong: list[tuple[str, Callable[[], Any]]] = [
            ("unknown_room", lambda: ann.join("chat1")),
            ("not_joined", lambda: ann.request({"type": "message", "room": "chat-2", "data": {"text": "x"}})),
            ("invalid_data", lambda: room.send({"text": ""})),
        ]
        for code, call in wrong:
            with pytest.raises(RequestRefused) as refused:
                call()
            assert refused.value.code == code
            assert f"| `{code}`" in GUIDE
