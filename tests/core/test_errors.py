"""Refusals and the `error` messages they become; the tree of exceptions is as its drawing says."""

from __future__ import annotations

import re

import pytest

from tidegate.config import ConfigError
from tidegate.contract import BrokenOutput
from tidegate.core import errors
from tidegate.core.errors import MESSAGE_LIMIT, POINTER_LIMIT, PermanentFailure, Refused, TidegateError, error_message
from tidegate.core.rows.ports import LogPruned
from tidegate.engines.setup import EngineError
from tidegate.handlers import HandlersError
from tidegate.store.errors import NeedsManualMigration, StoreError, Unmigrated
from tidegate_protocol import ERRORS, ErrorCode, ErrorMessage

TREE: dict[type[Exception], type[Exception]] = {
    Refused: TidegateError,
    PermanentFailure: Refused,
    LogPruned: TidegateError,
    StoreError: TidegateError,
    Unmigrated: StoreError,
    NeedsManualMigration: StoreError,
    EngineError: TidegateError,
    ConfigError: TidegateError,
    HandlersError: TidegateError,
    BrokenOutput: TidegateError,
}


@pytest.mark.parametrize(("error", "parent"), TREE.items())
def test_every_exception_of_the_drawing_has_the_parent_that_is_drawn(
    error: type[Exception], parent: type[Exception]
) -> None:
    assert error.__base__ is parent


def test_the_drawing_has_exactly_these_exceptions() -> None:
    drawn = re.findall(r"\+-- (\w+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted(error.__name__ for error in TREE)


@pytest.mark.parametrize("code", ERRORS)
def test_a_permanent_failure_is_never_temporary(code: ErrorCode) -> None:
    assert error_message(PermanentFailure(code, "no")).temporary is False
    assert error_message(Refused(code, "no")).temporary is ERRORS[code].temporary


def test_a_text_is_cut_so_that_no_large_value_is_echoed() -> None:
    refused = Refused("invalid_data", "x" * (MESSAGE_LIMIT + 1))
    assert len(refused.message) == MESSAGE_LIMIT
    assert refused.message.endswith("…")
    assert Refused("invalid_data", "x" * MESSAGE_LIMIT).message == "x" * MESSAGE_LIMIT


def test_a_pointer_that_is_too_long_points_at_the_closest_ancestor_that_fits() -> None:
    long = "/data/" + "y" * POINTER_LIMIT
    assert Refused("invalid_data", "no", pointer=long).pointer == "/data"
    assert Refused("invalid_data", "no", pointer="/data/y").pointer == "/data/y"


def test_an_error_has_what_is_known_and_nothing_more() -> None:
    assert error_message(Refused("forbidden", "no")) == ErrorMessage(code="forbidden", message="no", temporary=False)
    refused = Refused("unavailable", "no", pointer="/room", keyword="type", retry_after=0.0).answering(7)
    message = error_message(refused)
    assert (message.ref, message.pointer, message.keyword, message.retry_after) == (7, "/room", "type", 0.0)
    assert error_message(refused, "of the request").ref == "of the request"


@pytest.mark.parametrize("code", ERRORS)
def test_whether_an_error_is_temporary_stands_in_the_schema(code: str) -> None:
    message = error_message(Refused(code, "no"))  # type: ignore[arg-type]  # a code of the schema
    assert message.temporary is ERRORS[code].temporary


def test_a_failure_of_the_gateway_says_nothing_of_its_cause() -> None:
    refused = errors.internal()
    assert (refused.code, refused.pointer, refused.__cause__) == ("internal", None, None)
