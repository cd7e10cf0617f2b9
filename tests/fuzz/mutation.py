"""Makes new inputs of known ones: bits and bytes changed, pieces removed, doubled, moved, and words put in."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

LARGEST = 4096
"""Bytes of an input, at most."""
ODD_BYTES = bytes(
    (0, 1, 0x20, 0x22, 0x2D, 0x5C, 0x7B, 0x7D, 0x7E, 0x7F, 0x80, 0x81, 0x88, 0x89, 0xC0, 0xED, 0xFE, 0xFF)
)


class Mutator:
    """Deterministic for a seed."""

    def __init__(self, seed: int, words: Sequence[bytes]) -> None:
        self._random = random.Random(seed)
        self._words = words
        self._steps: list[Callable[[bytearray], None]] = [
            self._flip, self._odd, self._remove, self._double, self._swap, self._number, self._word, self._word,
        ]  # fmt: skip

    def mutated(self, known: Sequence[bytes]) -> bytes:
        """One of `known` after a few steps; sometimes the start of one with the end of another."""
        random = self._random
        data = bytearray(random.choice(known))
        if random.random() < 0.15:
            other = random.choice(known)
            data = data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]
        for _ in range(1 << random.randint(0, 3)):
            random.choice(self._steps)(data)
        return bytes(data[:LARGEST])

    def _at(self, data: bytearray) -> int:
        return self._random.randrange(len(data)) if data else 0

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._at(data)] ^= 1 << self._random.randrange(8)

    def _odd(self, data: bytearray) -> None:
        if data:
            data[self._at(data)] = self._random.choice(ODD_BYTES)

    def _remove(self, data: bytearray) -> None:
        at = self._at(data)
        del data[at : at + self._random.randint(1, 8)]

    def _double(self, data: bytearray) -> None:
        at = self._at(data)
        piece = data[at : at + self._random.randint(1, 32)]
        data[at:at] = piece * self._random.randint(1, 4)

    def _swap(self, data: bytearray) -> None:
        first, second = sorted((self._at(data), self._at(data)))
        data[:] = data[:first] + data[second:] + data[first:second]

    def _number(self, data: bytearray) -> None:
        """Put a number near a power of two in, as bytes or as digits."""
        number = max(0, (1 << self._random.choice((7, 8, 15, 16, 31, 32, 53, 63, 64))) + self._random.randint(-2, 2))
        piece = str(number).encode() if self._random.random() < 0.5 else number.to_bytes(9).lstrip(b"\0")
        at = self._at(data)
        data[at:at] = piece

    def _word(self, data: bytearray) -> None:
        if self._words:
            at = self._at(data)
            data[at : at + self._random.choice((0, 0, 1, 4))] = self._random.choice(self._words)
