"""How what has arrived is cut into heads and bodies: the bounds of each, and what stays behind."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from tests.transport.http_requests import chunked, post, request
from tidegate.transport.http_head import BadRequest, Head, read_head
from tidegate.transport.incoming import KNOWN_BYTES, MAX_HEAD, Incoming

LIMIT = 1000


def with_head(sent: bytes) -> tuple[Incoming, Head]:
    """A request whose head was taken."""
    incoming = Incoming(LIMIT)
    incoming.add(sent)
    data = incoming.head()
    assert data is not None
    head = read_head(data)
    incoming.take(data, head)
    return incoming, head


def head_of(size: int) -> bytes:
    least = len(request("GET", "/api/echo", "X: "))
    return request("GET", "/api/echo", "X: " + "x" * (size - least))


def test_head_has_so_many_bytes_at_most_wherever_it_is_cut() -> None:
    largest, larger = head_of(MAX_HEAD), head_of(MAX_HEAD + 1)
    for first in (0, 100, MAX_HEAD - 1):
        incoming = Incoming(LIMIT)
        incoming.add(largest[:first])
        assert incoming.head() is None
        incoming.add(largest[first:] + b"next")
        assert incoming.head() == largest
    for arrived in (larger, larger[:MAX_HEAD]):
        incoming = Incoming(LIMIT)
        incoming.add(arrived)
        with pytest.raises(BadRequest) as refused:
            incoming.head()
        assert refused.value.status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


def test_head_is_known_up_to_a_size() -> None:
    assert with_head(head_of(KNOWN_BYTES))[0].known is not None
    assert with_head(head_of(KNOWN_BYTES + 1))[0].known is None


@pytest.mark.parametrize("behind", [b"", b"next"])
@pytest.mark.parametrize("body", [b"", b"abc"])
def test_body_is_whole_with_its_last_byte_and_what_is_behind_it_stays(body: bytes, behind: bytes) -> None:
    incoming, head = with_head(post(body) + behind)
    assert incoming.body(head) == body
    assert incoming.clear() == behind
    incoming, head = with_head(post(b"abcd")[:-1])
    assert incoming.body(head) is None
    assert len(incoming) == incoming.held == 3


def test_bodies_in_chunks_are_apart_from_each_other_and_count_until_they_are_whole() -> None:
    sent, second = chunked(b"abc", b"de"), chunked(b"fgh")
    incoming, head = with_head(sent[:-7])
    assert incoming.body(head) is None
    assert (len(incoming), incoming.held) == (0, 5)
    incoming.add(sent[-7:] + second)
    assert incoming.body(head) == b"abcde"
    assert len(incoming) == incoming.held == len(second)
    incoming.take(second[: second.index(b"3\r\nfgh")], head)
    assert incoming.body(head) == b"fgh"


def test_chunks_are_forgotten_with_everything_else() -> None:
    incoming, head = with_head(chunked(b"abc")[:-5])
    assert incoming.body(head) is None
    assert incoming.clear() == b""
    assert incoming.held == 0


@pytest.mark.parametrize(
    ("sent", "left_out", "left"),
    [
        (post(b"abc"), True, b""),
        (post(b"abc") + b"next", True, b"next"),
        (post(b"") + b"next", True, b"next"),
        (post(b"abc")[:-1], False, b"ab"),
        (chunked(b"abc"), False, b"3\r\nabc\r\n0\r\n\r\n"),
    ],
    ids=["whole", "with more behind it", "empty", "not whole", "in chunks"],
)
def test_body_of_a_refused_request_is_left_out_where_its_end_is_known(sent: bytes, left_out: bool, left: bytes) -> None:
    incoming, head = with_head(sent)
    assert incoming.leave_out(head) is left_out
    assert incoming.clear() == left
