"""The lines of the gateway's log: what a record tells besides its text is in the line, which stays one line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime

import pytest

from tidegate.logs import FORMAT, _Detailed, _Json, check_format


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


def test_as_json_a_line_is_one_object_with_what_its_record_tells() -> None:
    record = logging.getLogger("tidegate.access").makeRecord(
        "tidegate.access", logging.INFO, "f.py", 1, "it %s", ("ended\nforged",), None, extra={"code": 1000, "user": "a"}
    )
    text = _Json().format(record)
    told = json.loads(text)
    assert "\n" not in text
    assert (told["level"], told["logger"], told["message"]) == ("info", "tidegate.access", "it ended\nforged")
    assert (told["code"], told["user"]) == (1000, "a")
    assert datetime.fromisoformat(told["time"]).tzinfo is not None


def test_as_json_a_failure_has_its_traceback_in_the_object() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        record = logging.getLogger("tidegate").makeRecord("tidegate", 40, "f.py", 1, "failed", (), sys.exc_info())
    assert "ValueError: broken" in json.loads(_Json().format(record))["exception"]


def test_a_format_that_is_none_is_refused() -> None:
    check_format("json")
    with pytest.raises(ValueError, match="console or json"):
        check_format("xml")
