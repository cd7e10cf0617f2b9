"""Frames as events: the same text in one line, and what a slow reader may miss stays that."""

from __future__ import annotations

from collections.abc import Hashable

import pytest

from tidegate.transport import Droppable, text_frame
from tidegate.transport.event_protocol import EventProtocol, event


class Price(Droppable):
    stream = "room"
    conflated = True

    @property
    def replaces(self) -> Hashable | None:
        return "tide"

    def notice(self, dropped: int) -> bytes:
        return text_frame(b'{"type":"gap","dropped":%d}' % dropped)


@pytest.mark.parametrize("size", [2, 125, 126, 65535, 65536, 100_000])
def test_a_frame_of_each_size_is_an_event_with_its_text(size: int) -> None:
    text = b'"' + b"x" * (size - 2) + b'"'
    made = event(text_frame(text))
    assert made == b"data: " + text + b"\n\n"
    assert event(made) is made


def test_a_line_break_between_values_does_not_end_the_event() -> None:
    assert event(text_frame(b'{"a":\r\n1,\n\n"b":2}')) == b'data: {"a":  1,  "b":2}\n\n'
    assert event(text_frame(b'{"a":\r1}')) == b'data: {"a": 1}\n\n'


def test_what_may_be_missed_and_the_notice_of_it_are_events() -> None:
    made = event(Price(text_frame(b"{}")))
    assert isinstance(made, Droppable)
    assert (made, made.stream, made.conflated, made.replaces) == (b"data: {}\n\n", "room", True, "tide")
    assert made.notice(3) == b'data: {"type":"gap","dropped":3}\n\n'
    assert event(made) is made


def test_the_last_event_says_the_code_and_the_reason() -> None:
    protocol = EventProtocol(b"")
    assert protocol.data_to_send() == [b""]
    protocol.send_close(4101, "tôo slow")
    assert protocol.data_to_send() == ['event: close\ndata: {"code": 4101, "reason": "tôo slow"}\n\n'.encode(), b""]
