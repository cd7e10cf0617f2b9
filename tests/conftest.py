"""Fixtures that several rooms of the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import GatewayProcess


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    """A running gateway over the sample application, its tables empty."""
    process = GatewayProcess(tmp_path, "--dev")
    process.migrate()
    process.start()
    yield process
    process.stop()
