"""The halves of a message, put together again, are what the encoder makes of the whole message."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.contract import Contract
from tidegate.engines.texts import halves, whole
from tidegate.gateway.sender import Sender as Sending
from tidegate.transport import Outbox
from tidegate_protocol import RoomMessage, RoomPosition, Sender

PLACE = '"position":{"epoch":"-","offset":0},"time":0'
TEXTS = some.one_of(
    some.text(), some.sampled_from((PLACE, PLACE[:-1], "\\", '"', "\x00", "%b %d", "\u2028", "\U0001f409"))
)
VALUES = some.recursive(
    some.one_of(some.none(), some.booleans(), some.integers(-(2**53), 2**53), some.floats(allow_nan=False), TEXTS),
    lambda inner: some.one_of(some.lists(inner, max_size=3), some.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(room=TEXTS, user=TEXTS, name=TEXTS, data=VALUES, offset=some.integers(0, 2**53), time=some.integers(0, 2**53))
def test_two_halves_are_the_whole_message(
    room: str, user: str, name: str, data: object, offset: int, time: int
) -> None:
    sender = Sender(id=user, name=name)
    encode = msgspec.json.Encoder().encode
    message = RoomMessage(
        room=room,
        from_=user,
        sender=sender,
        data=data,
        position=RoomPosition(epoch="Zx_-9", offset=offset),
        time=time,
    )
    parts = halves(encode, room, sender, data)
    assert whole(parts, "Zx_-9", offset, time) == encode(message)
    assert parts.size == len(parts.head) + len(parts.tail)


def test_a_message_that_looks_like_its_own_place_is_not_taken_for_it() -> None:
    data = {"position": {"epoch": "-", "offset": 0}, "time": 0}
    parts = halves(msgspec.json.encode, "r", Sender(id=PLACE, name=PLACE), data)
    text = whole(parts, "e", 7, 9)
    assert msgspec.json.decode(text)["data"] == data
    assert msgspec.json.decode(text)["position"] == {"epoch": "e", "offset": 7}


def test_the_check_of_development_lets_a_message_without_its_place_pass() -> None:
    contract = Contract(schema.bundle(schema.load(ROOT / "schema")))
    checked = Sending(contract, Outbox(None), check=True)  # type: ignore[arg-type]  # nothing is sent
    assert halves(checked.encode, "chat-1", Sender(id="1", name="Ada"), {"text": "hi"}).tail == b"}"
