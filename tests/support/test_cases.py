"""Tests of tables of cases: the failure message for wrong cases."""

from __future__ import annotations

import pytest

from tests.support.cases import SHOWN, every_case


def test_cases_that_hold_pass() -> None:
    with every_case() as case:
        for number in range(3):
            with case(number):
                assert number < 3


def test_each_wrong_case_is_named_with_its_reason() -> None:
    with pytest.raises(AssertionError) as caught, every_case() as case:
        for name, found in {"one": 1, "two": 2, "three": 3}.items():
            with case(name):
                assert found == 2, f"found {found}"
        with case("nothing is raised"), pytest.raises(KeyError):
            pass
        with case("something else is raised"):
            raise OSError("the disk is full")
    told = str(caught.value)
    assert told.startswith("4 of 5 cases failed:\none (case 1)\n    AssertionError: found 1")
    assert "three (case 3)\n    AssertionError: found 3" in told
    assert "nothing is raised (case 4)\n    Failed: DID NOT RAISE" in told
    assert "something else is raised (case 5)\n    OSError: the disk is full" in told
    assert "two" not in told
    assert isinstance(caught.value.__cause__, AssertionError)


def test_cases_of_one_name_count_each() -> None:
    told = f"^{SHOWN + 2} of {SHOWN + 2} cases failed(.|\n)*and 2 more$"
    with pytest.raises(AssertionError, match=told), every_case() as case:
        for _ in range(SHOWN + 2):
            with case("the same"):
                raise ValueError


def test_a_table_without_a_case_fails() -> None:
    with pytest.raises(AssertionError, match="there is no case"), every_case():
        pass


def test_what_goes_wrong_outside_the_cases_is_raised_as_it_is() -> None:
    with pytest.raises(KeyError), every_case() as case:
        with case("wrong"):
            raise ValueError
        raise KeyError
