"""How what a session is sent becomes the response to the one request that it stands for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tidegate.gateway.http.replies import REF
from tidegate.gateway.http.reply_sink import ReplySink
from tidegate.transport import JSON_HEADERS, Response, text_frame

REPLY = text_frame(b'{"type":"reply","answer":1,"ref":"%b"}' % REF.encode())
PART = text_frame(b'{"type":"part","ref":"%b","data":1}' % REF.encode())
OTHER = text_frame(b'{"type":"message","room":"chat-1"}')
REFLECTED = text_frame(b'{"type":"message","ref":"another"}')
WHOLE = b'{"type":"reply","answer":1}'


class Request:
    """An exchange that notes what is done with it, and the gate and the operation beside it."""

    head = None
    unsent = 7

    def __init__(self, *, asks: bool = True) -> None:
        self.said: list[object] = []
        self.state: Any = SimpleNamespace(session="the session")
        self.asks = asks

    def begin(self, response: Response) -> None:
        self.said.append(("begin", response.headers["Content-Type"]))

    def send(self, data: bytes) -> None:
        self.said.append(data)

    def end(self) -> None:
        self.said.append("end")

    def respond(self, response: Response) -> None:
        self.said.append(response)

    async def drained(self) -> None:
        self.said.append("drained")

    def forget(self, session: str) -> None:
        self.said.append(f"forget {session}")

    def response(self, _: None, reply: bytes) -> Response:
        return Response(200, JSON_HEADERS, reply)


def sent(request: Request, *turns: tuple[bytes, ...]) -> list[object]:
    """What is done when these frames are pushed, turn by turn of the loop."""
    each = cast("Any", request)
    sink = ReplySink(each, each, each)
    for frames in turns:
        sink.frames += frames
        sink.flush()
    return [said.body if isinstance(said, Response) else said for said in request.said]


@pytest.mark.parametrize("frames", [(REPLY,), (OTHER, REPLY), (REPLY, OTHER), (REFLECTED, OTHER, REPLY)])
def test_the_reply_is_the_response_whatever_comes_with_it(frames: tuple[bytes, ...]) -> None:
    assert sent(Request(), frames, (OTHER,)) == ["forget the session", WHOLE]


def test_parts_and_the_reply_are_lines_of_one_response() -> None:
    begin, part = ("begin", "application/jsonl"), b'{"type":"part","data":1}\n'
    expected = [begin, part, part, part, "forget the session", WHOLE + b"\n", "end"]
    assert sent(Request(), (PART, PART), (OTHER, PART), (REPLY,)) == expected
    assert sent(Request(), (PART, PART, PART, REPLY)) == expected


def test_the_gate_forgets_a_session_only_where_it_asks_the_application_and_the_request_is_not_answered_yet() -> None:
    assert sent(Request(asks=False), (REPLY,)) == [WHOLE]
    answered = Request()
    answered.state = None
    assert sent(answered, (REPLY,)) == [WHOLE]


async def test_what_waits_for_the_client_is_what_waits_at_its_connection() -> None:
    each = cast("Any", request := Request())
    sink = ReplySink(each, each, each)
    assert sink.unsent == 7
    await sink.drained()
    assert request.said == ["drained"]
