"""Hostile frames: each gets a typed error, the connection stays open, and memory does not grow."""

from __future__ import annotations

import json
import random
from typing import Any

import psutil

from tests.support.gateway import GatewayProcess
from tests.support.wire import wire

FRAMES = 1000
GROWTH_LIMIT = 8 * 1024 * 1024
"""Bytes: what the allocator may round up over a thousand frames of up to 60 KB; a leak of the frames would be 20 MB."""


def nested(depth: int) -> str:
    return '{"type":"message","room":"chat-1","data":' + "[" * depth + "]" * depth + "}"


HOSTILE: list[str | bytes] = [
    "",
    " ",
    "null",
    "true",
    "[]",
    "42",
    '"join"',
    "{",
    '{"type"',
    '{"type":"join","room":',
    '{"type":"join","room":"chat-1"',
    "{}",
    '{"type":{}}',
    '{"type":[]}',
    '{"type":null}',
    '{"type":1}',
    '{"type":"__proto__"}',
    '{"type":"constructor"}',
    '{"type":"welcome"}',
    '{"type":"join","room":{}}',
    '{"type":"join","room":""}',
    '{"type":"join","room":"' + "r" * 5000 + '"}',
    '{"type":"join","room":"a\\u0000b"}',
    '{"type":"join","room":"chat-1","extra":1}',
    '{"type":"join","room":"chat-1","ref":{}}',
    '{"type":"join","room":"chat-1","ref":1e999}',
    '{"type":"join","room":"chat-1","ref":9007199254740993}',
    '{"type":"join","room":"chat-1","ref":' + "9" * 4000 + "}",
    '{"type":"message","room":"chat-1","data":NaN}',
    '{"type":"message","room":"chat-1","data":"\\ud800"}',
    '{"type":"message","room":"chat-1","data":{"text":"\\u0000"}}',
    '{"type":"message","room":"chat-1","data":{"text":1}}',
    nested(40),
    nested(2000),
    nested(25000),
    '{"type":"subscribe","resource":"users","filters":{"password":"x"}}',
    '{"type":"subscribe","resource":"users; drop table users","filters":{}}',
    '{"type":"list","resource":"users","sort":[{"field":"name; drop table users"}]}',
    '{"type":"list","resource":"users","limit":-1}',
    '{"type":"list","resource":"users","limit":1e308}',
    '{"type":"get","resource":"users","id":{"$ne":1}}',
    '{"type":"create","resource":"users","data":{"name":"x"}}',
    '{"type":"create","resource":"users","data":[]}',
    '{"type":"update","resource":"users","id":1,"data":{"id":2}}',
    '{"type":"authenticate","token":"a.b.c"}',
    '{"type":"authenticate","token":""}',
    '{"type":"message","room":"chat-1","data":{' + ",".join(f'"k{n}":1' for n in range(5000)) + "}}",
    b"\x00\x01\x02",
    b"{}",
    b"\xff\xfe" * 1000,
]


def mutated(rng: random.Random, text: str) -> str:
    """A valid message with one broken part."""
    message: dict[str, Any] = json.loads(text)
    key = rng.choice(list(message))
    message[key] = rng.choice([None, {}, [], -1, 1e300, True, "", "x" * 300, {"a": {"b": []}}, [[[]]], 2**53])
    changed = json.dumps(message)
    return changed if rng.random() < 0.7 else changed[: rng.randrange(len(changed))]


async def test_a_thousand_hostile_frames_keep_the_connection_and_the_memory(
    gateway: GatewayProcess,
) -> None:
    rng = random.Random(20)
    valid = [
        '{"type":"join","room":"chat-1"}',
        '{"type":"message","room":"chat-1","data":{"text":"x"}}',
        '{"type":"subscribe","resource":"users","filters":{"status":"active"}}',
        '{"type":"list","resource":"users","sort":[{"field":"name"}],"limit":5}',
        '{"type":"update","resource":"users","id":1,"data":{"name":"x"}}',
        '{"type":"history","room":"chat-1","limit":5}',
    ]
    frames: list[str | bytes] = [*HOSTILE]
    while len(frames) < FRAMES:
        frames.append(mutated(rng, rng.choice(valid)) if rng.random() < 0.8 else rng.choice(HOSTILE))
    server = psutil.Process(gateway.pid)
    async with wire(gateway.url) as client:
        for frame in frames[:500]:
            await client.say(frame)
        await client.settle()
        before = server.memory_info().rss
        for frame in frames[500:]:
            await client.say(frame)
        await client.settle()
        assert server.memory_info().rss - before < GROWTH_LIMIT

        errors = [message for message in client.heard if message["type"] == "error"]
        assert len(errors) > FRAMES // 2
        assert {error["code"] for error in errors} >= {
            "invalid_json",
            "invalid_message",
            "unknown_type",
            "unknown_resource",
        }
        assert all(len(error["message"]) <= 200 for error in errors)
        assert "internal" not in {error["code"] for error in errors}

        assert (await client.ask({"type": "join", "room": "chat-after"}))["type"] == "joined"
        assert (await client.ask({"type": "message", "room": "chat-after", "data": {"text": "alive"}}))[
            "type"
        ] == "sent"
        assert (await client.ask({"type": "list", "resource": "users"}))["type"] == "rows"
    assert "Traceback" not in gateway.log_file.read_text()


async def test_each_hostile_frame_gets_a_typed_error(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        await client.ask({"type": "join", "room": "chat-1"})
        for frame in HOSTILE:
            await client.say(frame)
            heard = [message for message in await client.settle() if message["type"] == "error"]
            assert len(heard) == 1, (frame[:80], heard)
            assert heard[0]["code"] not in {"internal", "unavailable"}, (frame[:80], heard)
