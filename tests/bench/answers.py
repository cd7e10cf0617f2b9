"""`python -m tests.bench.answers REF`: another commit and this checkout answer the same awkward requests alike.

Each payload is sent to a gateway of either build, with a new `ref` where it is an object, in every way of
arriving. Positions, times and what chance decides are left out; every other byte of a reply or an error is compared.
Exit code 1: an answer differs. What is faster must refuse the same, with the same words.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from tests.bench.compare import checkout, gateway
from tests.bench.load import Client, connect, text_frame
from tests.bench.measures import Server
from tests.contract.awkward import payloads
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT
from tests.transport.arrivals import WAYS
from tidegate.contract.hazards import readable_ref

CHANCE = {"time", "position", "epoch", "subscription", "retry_after", "created_at", "updated_at", "since"}
"""Names of what may differ from run to run, or may be missing in one."""
GUEST = re.compile(rb"anon-[0-9a-f]+|Guest [0-9A-F]+")
"""The anonymous user."""
GROUP = 40
"""Payloads after which an answer to a `ping` is awaited, and with it the answers to all of them."""


class Asked:
    """One client, and the answers that it has: by way and payload's number, and those that carry no `ref`."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.answers: dict[str, list[Any]] = {}
        self._came = asyncio.Event()
        client.heard = self._heard

    def _heard(self, text: bytes) -> None:
        message = msgspec.json.decode(GUEST.sub(b"a guest", text))
        ref = message.get("ref")
        if ref is None and message["type"] != "error":
            return  # a push: what other requests lead to, whenever
        self.answers.setdefault(str(ref), []).append(_certain(message))
        self._came.set()

    async def answered(self, refs: Counter[str]) -> None:
        """Until each of `refs` has as many answers as it counts."""
        async with asyncio.timeout(DEADLINE_S):
            while any(len(self.answers.get(ref, ())) < number for ref, number in refs.items()):
                self._came.clear()
                await self._came.wait()


def _certain(value: Any) -> Any:
    """`value` without what chance decides."""
    if isinstance(value, dict):
        return {name: _certain(inner) for name, inner in value.items() if name not in CHANCE}
    return [_certain(inner) for inner in value] if isinstance(value, list) else value


def echoed(message: Any) -> str | int | None:
    """The `ref` that the answer to a payload has, as far as that is sure."""
    ref = readable_ref(message) if isinstance(message, dict) else None
    # Half of a surrogate pair is no text.
    return None if isinstance(ref, str) and not ref.isprintable() else ref


def numbered(texts: list[bytes], way: str) -> Iterator[tuple[bytes, str | int | None]]:
    """The payloads with the `ref`s of their answers: each plain object with a valid one gets one that no other has."""
    for number, text in enumerate(texts):
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            yield text, None
            continue
        plain = isinstance(message, dict) and text == json.dumps(message).encode()
        if plain and message.get("type") != "authenticate" and isinstance(message.get("ref"), int | None):
            ref = f"{way} {number}"
            yield json.dumps({**message, "ref": ref}).encode(), ref
        else:
            yield text, echoed(message)


async def ask(server: Server, texts: list[bytes]) -> dict[str, list[Any]]:
    """What the server answers, by `ref`."""
    asked, expected = Asked(await connect(server.port)), Counter[str]()
    await asked.client.until(server.greeting)
    for way, segments in WAYS.items():
        chance, sent = random.Random(way), list(numbered(texts, way))
        # Where several requests are under way at a time, what one reads may depend on what another one writes.
        step = GROUP if way == "together" else 1
        for start in range(0, len(sent), step):
            group = sent[start : start + step]
            fence = f"fence {way} {start}"
            frames = [text_frame(text) for text, _ in group]
            frames.append(text_frame(json.dumps({"type": "ping", "ref": fence}).encode()))
            for segment in segments(frames, chance):
                asked.client.transport.write(segment)
                await asyncio.sleep(0)
            expected.update([fence, *(str(ref) for _, ref in group if ref is not None)])
            await asked.answered(expected)
    asked.client.transport.close()
    for ref, answers in asked.answers.items():
        if ref.startswith("together"):
            asked.answers[ref] = [each if each["type"] == "error" else each["type"] for each in answers]
    return asked.answers


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.answers", description=str(__doc__).split("\n\n")[0])
    parser.add_argument("ref", help="the commit to compare with: a branch, a tag or a hash")
    parser.add_argument("--payloads", type=int, default=3000, help="how many are sent in each way (default: 3000)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    texts = payloads(args.payloads, args.seed)
    with checkout(args.ref) as folder, contextlib.ExitStack() as stack:
        before = stack.enter_context(gateway(args.ref, folder))
        now = stack.enter_context(gateway("here", ROOT))
        old, new = (asyncio.run(ask(server, texts)) for server in (before, now))
    different = [ref for ref in {**old, **new} if old.get(ref) != new.get(ref)]
    for ref in different[:20]:
        print(f"{ref}:\n  {args.ref}: {old.get(ref)}\n  here: {new.get(ref)}")
    print(f"{len(texts)} payloads, {len(WAYS)} ways: {sum(map(len, new.values()))} answers, {len(different)} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
