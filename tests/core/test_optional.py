"""Optional properties of messages: an absent property becomes None, every other value stays."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from tidegate.core.optional import given, given_ref


def test_given_turns_an_absent_property_into_none() -> None:
    assert given(UNSET) is None


@pytest.mark.parametrize("value", [None, 0, "", False, 7, "a"])
def test_given_keeps_a_present_value(value: object) -> None:
    assert given(value) is value


def test_given_ref_turns_an_absent_ref_into_none_and_keeps_others() -> None:
    assert [given_ref(ref) for ref in (UNSET, 0, "a")] == [None, 0, "a"]
