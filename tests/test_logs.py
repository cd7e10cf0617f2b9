"""The lines of the gateway's log: what a record tells besides its text is in the line, which stays one line."""

from __future__ import annotations

import logging

import pytest

from tidegate.logs import FORMAT, _Detailed


def line(name: str, **extra: object) -> str:
    record = logging.getLogger(name).makeRecord(
        name, logging.WARNING, "f.py", 1, "the server is %s", ("away",), None, extra=extra
    )
    return _Detailed(FORMAT).format(record)


def test_a_line_tells_what_its_record_tells() -> None:
    assert line("tidegate.engine", reason="connection refused", connections=3).endswith(
        "the server is away (reason: connection refused, connections: 3)"
    )
    assert line("tidegate.engine").endswith("the server is away")


@pytest.mark.parametrize("text", ["a\nERROR forged", "a\r", "a\x1b[2J", "a\u2028b", "x" * 5000])
def test_a_line_stays_one_line_of_bounded_length(text: str) -> None:
    said = line("tidegate", reason=text)
    assert said.isprintable() and len(said) < 700


def test_what_the_application_adds_to_its_own_records_stays_with_its_own_formats() -> None:
    assert "SECRET" not in line("shop.orders", token="SECRET")
