"""The header `traceparent`: what is right is read, and all else counts as none."""

from __future__ import annotations

from tests.support.cases import every_case
from tidegate.gateway.tracing.parents import Parent, read

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
RIGHT = f"00-{TRACE}-{SPAN}-01"
WRONG = {
    "nothing": "",
    "capitals": RIGHT.upper(),
    "no trace": f"00-{'0' * 32}-{SPAN}-01",
    "no span": f"00-{TRACE}-{'0' * 16}-01",
    "the version that is none": f"ff-{TRACE}-{SPAN}-01",
    "more than version 00 has": f"{RIGHT}-more",
    "too short": RIGHT[:-1],
    "other digits": RIGHT.replace("4", "\u0664"),
    "too long": f"01-{TRACE}-{SPAN}-01-{'x' * 300}",
}


def test_a_header_is_read() -> None:
    assert read(RIGHT) == Parent(int(TRACE, 16), int(SPAN, 16), True)
    assert read(f"00-{TRACE}-{SPAN}-02") == Parent(int(TRACE, 16), int(SPAN, 16), False)
    assert read(f"01-{TRACE}-{SPAN}-01-more") == Parent(int(TRACE, 16), int(SPAN, 16), True)
    assert read(None) is None


def test_a_wrong_header_counts_as_none() -> None:
    with every_case() as case:
        for name, header in WRONG.items():
            with case(name):
                assert read(header) is None
