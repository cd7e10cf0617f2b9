"""The line for each WebSocket that ended: a burst is written, of more than 50 a second the others are counted."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tidegate.admin import access_log
from tidegate.admin.access_log import AccessLog
from tidegate.transport import Tally
from tidegate.transport.peers import Peer


class Ended:
    """A connection that has ended before it had a session."""

    id = "c1"
    session = None
    peer = Peer("192.0.2.1", limited=True)
    tally = Tally(0.0)


def test_a_flood_of_ends_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tidegate.access")
    clock = [100.0]
    write: Any = AccessLog(lambda: clock[0])
    before = access_log.LEFT_OUT.total
    for _ in range(2000):
        write(Ended(), 1000)
    lines = [record for record in caplog.records if record.getMessage() == "connection ended"]
    assert len(lines) == access_log.BURST
    assert access_log.LEFT_OUT.total == before + 2000 - access_log.BURST
    assert (lines[0].connection, lines[0].address, lines[0].code) == ("c1", "192.0.2.1", 1000)  # type: ignore[attr-defined]  # of `extra`
    clock[0] += 1.0
    caplog.clear()
    for _ in range(200):
        write(Ended(), 1000)
    lines = [record for record in caplog.records if record.getMessage() == "connection ended"]
    assert len(lines) == access_log.PER_SECOND
