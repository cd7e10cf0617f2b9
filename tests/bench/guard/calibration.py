"""A fixed piece of work with a mix like that of a gateway: calls, small objects, dictionaries, texts, bytes.

Costs of the paths are told as multiples of it, so that the speed of a processor, or what other programs take from it,
is not in them. It uses nothing but Python and its standard library: no change of Tidegate or of a package changes it.
Changing it makes every baseline worthless.
"""

from __future__ import annotations

import json

DOCUMENT = json.dumps({"type": "message", "room": "chat-1", "data": {"text": "x" * 100}, "ref": 2})
ROUNDS = 40


class _Item:
    __slots__ = ("key", "number", "seen")

    def __init__(self, key: str, number: int) -> None:
        self.key = key
        self.number = number
        self.seen: list[bytes] = []

    def take(self, frame: bytes) -> int:
        self.seen.append(frame)
        return len(self.seen)


def calibrate() -> int:
    """About a third of a millisecond on a processor of 2025."""
    items: dict[str, _Item] = {}
    total = 0
    for number in range(ROUNDS):
        read = json.loads(DOCUMENT)
        key = f"{read['room']}-{number % 8}"
        item = items.get(key)
        if item is None:
            item = items[key] = _Item(key, number)
        frame = bytes((0x81, 125)) + read["data"]["text"].encode()
        total += item.take(frame)
        kept = {name: value for name, value in read.items() if name != "ref"}
        total += len(kept) + sum(1 for each in items.values() if each.number <= number)
    return total + sum(len(b"".join(item.seen)) for item in items.values())
