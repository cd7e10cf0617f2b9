"""The ways in which the same frames may arrive: whole, in pieces, several in one segment."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

Ways = Callable[[Sequence[bytes], random.Random], Iterator[bytes]]


def whole(frames: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """Each frame is a segment."""
    return iter(frames)


def in_pieces(frames: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """Segments of 1 to 7 bytes; each frame ends a segment."""
    for frame in frames:
        at = 0
        while at < len(frame):
            size = chance.randint(1, 7)
            yield frame[at : at + size]
            at += size


def together(frames: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """Segments of 2 to 9 frames, whose last one is sometimes cut off and continued in the next segment."""
    at, rest = 0, b""
    while at < len(frames):
        count = chance.randint(2, 9)
        segment = rest + b"".join(frames[at : at + count])
        at += count
        cut = chance.randint(1, 9) if at < len(frames) and chance.random() < 0.5 else 0
        rest = segment[len(segment) - cut :]
        yield segment[: len(segment) - cut]


WAYS: dict[str, Ways] = {"whole": whole, "in pieces": in_pieces, "together": together}
