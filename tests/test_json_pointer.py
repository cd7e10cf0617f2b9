"""JSON pointers: what the steps of a path become, and back (RFC 6901)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every_case
from tidegate.json_pointer import pointer, steps

POINTERS: dict[str, list[str | int]] = {
    "": [],
    "/": [""],
    "/foo/0": ["foo", 0],
    "/a~1b": ["a/b"],
    "/m~0n": ["m~n"],
    "/~01": ["~1"],
}


def test_the_pointer_of_a_path() -> None:
    with every_case() as case:
        for text, path in POINTERS.items():
            with case(text):
                assert pointer(path) == text


@given(st.lists(st.text()))
def test_the_steps_of_a_pointer_are_its_path(path: list[str]) -> None:
    assert steps(pointer(path)) == path
