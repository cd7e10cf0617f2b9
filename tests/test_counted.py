"""Log lines that repeat: one at once, then one a period with the number of the others, and none is lost."""

from __future__ import annotations

import ast
import logging
import random
import re
from threading import Thread

import pytest

from tests.support.gateway import ROOT
from tidegate import counted
from tidegate.counted import Counted

log = logging.getLogger("tidegate.test_counted")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 500.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(caplog: pytest.LogCaptureFixture) -> Clock:
    caplog.set_level(logging.INFO, log.name)
    return Clock()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == log.name]


def test_a_flood_makes_one_line_at_once_and_one_a_period(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    refused = Counted(log, logging.WARNING, "refused %s", now=clock)
    for number in range(600):
        refused(number)
        clock.now += 0.1
    assert lines(caplog) == ["refused 0"]
    refused("last")
    assert lines(caplog) == ["refused 0", "refused last (the newest of 600 in 60 s)"]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_what_was_counted_is_written_although_nothing_follows(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    closed = Counted(log, logging.INFO, "closed", now=clock)
    for _ in range(3):
        closed()
    clock.now += 59
    counted.write_due()
    assert lines(caplog) == ["closed"]
    clock.now += 1
    counted.write_due()
    clock.now += 600
    counted.write_due()
    assert lines(caplog) == ["closed", "closed (the newest of 2 in 60 s)"]
    closed()
    assert lines(caplog)[2:] == ["closed"]


def test_what_happens_once_a_period_has_no_number(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    hourly = Counted(log, logging.INFO, "off", period=3600, now=clock)
    for _ in range(3):
        hourly()
        clock.now += 3600
    assert lines(caplog) == ["off"] * 3


def test_each_call_is_in_the_number_of_one_line(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)
    kinds = [Counted(log, logging.INFO, f"kind {number}", now=clock) for number in range(3)]
    calls = [0, 0, 0]
    for _ in range(2000):
        number = chance.randrange(3)
        if chance.random() < 0.7:
            kinds[number]()
            calls[number] += 1
        clock.now += chance.random() * 5
        if chance.random() < 0.2:
            counted.write_due()
    clock.now += 60
    counted.write_due()
    told = [0, 0, 0]
    for line in lines(caplog):
        found = re.fullmatch(r"kind (\d)(?: \(the newest of (\d+) in \d+ s\))?", line)
        assert found is not None, line
        told[int(found[1])] += int(found[2] or 1)
    assert told == calls


def test_threads_lose_no_call(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    failed = Counted(log, logging.INFO, "failed", now=clock)

    def fail() -> None:
        for _ in range(500):
            failed()

    threads = [Thread(target=fail) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.now += 60
    counted.write_due()
    assert lines(caplog) == ["failed", "failed (the newest of 1999 in 60 s)"]


def test_every_kind_of_line_of_the_gateway_is_an_event_with_a_name() -> None:
    """Otherwise it would be in the log, and not in `tidegate_events_total`."""
    nameless = []
    for path in sorted((ROOT / "server" / "tidegate").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        nodes = ast.walk(ast.parse(text)) if "Counted(" in text else ()
        made = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "Counted"]
        nameless += [
            f"{path.relative_to(ROOT).as_posix()}:{node.lineno}: Counted(..., name=...)"
            for node in made
            if not any(keyword.arg == "name" for keyword in node.keywords)
        ]
    assert nameless == []


def test_an_event_is_the_sum_of_its_kinds_of_lines(clock: Clock) -> None:
    one = Counted(log, logging.INFO, "one", now=clock, name="of_the_test")
    two = Counted(log, logging.INFO, "two", now=clock, name="of_the_test")
    one()
    two()
    two()
    assert counted.totals()["of_the_test"] == 3
