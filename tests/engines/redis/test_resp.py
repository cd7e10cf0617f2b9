"""The parser of RESP3: every type, however the bytes are split, and bytes that are no RESP3."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.engines.redis.resp import DEPTH, LINE_BYTES, Parser, ProtocolError, Push, ReplyError, pack, pack_part

TEXTS = st.binary(max_size=40)
LINES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)


class Error(tuple[str]):
    """An error that a test expects: errors of Python are not equal to each other."""


def encoded(value: Any) -> bytes:  # one case a type
    match value:
        case None:
            return b"_\r\n"
        case bool():
            return b"#t\r\n" if value else b"#f\r\n"
        case int() if abs(value) >= 1 << 63:
            return b"(%d\r\n" % value
        case int():
            return b":%d\r\n" % value
        case float():
            return b",%s\r\n" % repr(value).encode()
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(value), value)
        case Error():
            return b"-%s\r\n" % value[0].encode()
        case Push():
            return b">%d\r\n" % len(value) + b"".join(map(encoded, value))
        case list():
            return b"*%d\r\n" % len(value) + b"".join(map(encoded, value))
        case dict():
            return b"%%%d\r\n" % len(value) + b"".join(encoded(part) for pair in value.items() for part in pair)
    raise AssertionError(value)


def comparable(value: Any) -> Any:
    match value:
        case ReplyError():
            return Error((str(value),))
        case Push():
            return Push(map(comparable, value))
        case list():
            return [comparable(part) for part in value]
        case dict():
            return {key: comparable(part) for key, part in value.items()}
    return value


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), TEXTS, LINES.map(lambda text: Error((text,)))
    ),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)
MESSAGES = st.tuples(st.just(b"message"), TEXTS | st.binary(min_size=1020, max_size=1030), VALUES).map(Push)
REPLIES = VALUES | st.lists(VALUES, max_size=4).map(Push) | MESSAGES


@settings(max_examples=150, deadline=None)
@given(st.lists(REPLIES, max_size=6), st.data())
def test_replies_do_not_depend_on_how_their_bytes_are_split(replies: list[Any], data: st.DataObject) -> None:
    stream = b"".join(map(encoded, replies))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    parser, got = Parser(), []
    for first, last in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += parser.feed(stream[first:last])
    assert [comparable(reply) for reply in got] == replies
    assert [type(reply) is Push for reply in got] == [type(reply) is Push for reply in replies]
    assert not parser.unparsed


@given(st.lists(REPLIES, max_size=3))
@settings(max_examples=30, deadline=None)
def test_replies_come_byte_by_byte(replies: list[Any]) -> None:
    parser, got = Parser(), []
    for byte in b"".join(map(encoded, replies)):
        got += parser.feed(bytes([byte]))
    assert [comparable(reply) for reply in got] == replies


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text("+-:$*_#,(!=%~>|\r\n0123456789?.ab", max_size=40).map(str.encode))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    for sizes in ((len(data),), (1,) * len(data)):
        parser, at = Parser(), 0
        try:
            for size in sizes:
                parser.feed(data[at : at + size])
                at += size
        except ProtocolError:
            continue


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"*0\r\n", []),
        (b"%0\r\n", {}),
        (b"~2\r\n:1\r\n:2\r\n", [1, 2]),
        (b"=7\r\ntxt:abc\r\n", b"abc"),
        (b"+OK\r\n", b"OK"),
        (b"!8\r\nERR a\r\nb\r\n", Error(("ERR a\r\nb",))),
        (b",inf\r\n", math.inf),
        (b",1.5\r\n", 1.5),
        (b"|1\r\n+key\r\n%1\r\n+a\r\n:1\r\n*1\r\n|1\r\n+k\r\n:1\r\n:7\r\n", [7]),
    ],
)
def test_types(text: bytes, value: Any) -> None:
    assert [comparable(reply) for reply in Parser().feed(text)] == [value]


def test_an_error_has_a_code() -> None:
    (error,) = Parser().feed(b"-NOSCRIPT No matching script.\r\n")
    assert isinstance(error, ReplyError)
    assert error.code == "NOSCRIPT"


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"$x\r\n",
        b"$-2\r\n",
        b"$1_0\r\n",
        b"*?\r\n",
        b"*99999999999\r\n",
        b"$99999999999\r\n",
        b"$3\r\nabcdef\r\n",
        b">3\r\n$7\r\nmessage\r\n$1\r\ncc\r\n$1\r\nm\r\n",
        b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nmm\r\n",
        b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$x\r\nm\r\n",
        b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$99999999999\r\n",
        b":one\r\n",
        b"#x\r\n",
        b"%1\r\n*0\r\n:1\r\n",
        b"*1\r\n>1\r\n:1\r\n",
        b"*1\r\n" * (DEPTH + 1),
        b"+" + b"a" * (LINE_BYTES + 1),
    ],
)
def test_what_is_no_resp3_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        Parser().feed(text)


def _seconds(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


@pytest.mark.parametrize("inner", [False, True], ids=["one string", "many strings in one array"])
def test_the_cost_of_a_huge_reply_grows_with_its_bytes(inner: bool) -> None:
    """In pieces as a socket gives them, one reply costs about as much as many small ones with the same bytes."""
    size = 8 << 20
    string = encoded(b"x" * 500)
    count = size // len(string)
    huge = (b"*%d\r\n" % count + string * count) if inner else encoded(b"x" * size)
    small = string * count

    def fed(stream: bytes) -> int:
        parser, got = Parser(), 0
        for at in range(0, len(stream), 65536):
            got += len(parser.feed(stream[at : at + 65536]))
        return got

    assert fed(huge) == 1
    assert min(_seconds(lambda: fed(huge)) for _ in range(3)) < 3 * min(_seconds(lambda: fed(small)) for _ in range(3))


def test_commands_are_packed() -> None:
    assert pack([b"SET", b"k", b"\r\n"]) == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n"
    assert pack([b"A", b"b"]) == b"*2\r\n" + pack_part([b"A"]) + pack_part([b"b"])
