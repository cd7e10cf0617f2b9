"""The tutorials work as written: all commands, files and edits in order, with the shown output."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.document import Reader, blocks
from tests.support.gateway import ROOT
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.terminal import CTRL_C

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TUTORIAL = ROOT / "docs" / "tutorial"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def reader(tmp_path: Path, port: int, postgres: PostgresServer) -> Iterator[Reader]:
    with postgres.lent() as url:
        address = url.replace("tidegate@", "")
        replaced = {
            "127.0.0.1:8787": f"127.0.0.1:{port}",
            "postgresql://localhost/orders has": f"{address} has",
            "postgresql://localhost/orders": url,
        }
        reader = Reader(tmp_path, replaced, {"TIDEGATE_PORT": str(port)})
        yield reader
        reader.close()


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def test_the_tutorial_first_application_works(reader: Reader, port: int) -> None:
    for block in blocks(TUTORIAL / "first-application.md"):
        reader.follow(block)
    assert "<html" in get(port, "/")
    assert '"priority"' in get(port, "/schema/bundle.json")
    dev = reader.programs["dev"]
    dev.type(CTRL_C)
    assert dev.end() == 0
    assert "Traceback" not in dev.said


def test_the_tutorial_existing_database_works(reader: Reader, port: int) -> None:
    for block in blocks(TUTORIAL / "existing-database.md"):
        reader.follow(block)
    assert "<html" in get(port, "/")
    assert '"orders"' in get(port, "/schema/bundle.json")
