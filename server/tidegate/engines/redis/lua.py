"""The scripts of the engine: the files in `scripts`, each with the name that the server gives it.

What a script does, and what it gets and returns, stands at its head. It sends nothing.
Invariant: a `Script` that is called is among `ALL`, which every connection loads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tidegate.engines.redis.resp import pack, pack_part

HEAD_BYTES = 80
"""Of a call, up to the end of the script's name, at most."""


class Script:
    """One script."""

    def __init__(self, name: str, *before: str) -> None:
        """`before`: other files, which stand before it."""
        self.name = name
        folder = Path(__file__).parent / "scripts"
        self.source = b"".join((folder / f"{part}.lua").read_bytes() for part in (*before, name))
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()

    def stem(self, keys: Sequence[bytes]) -> bytes:
        """The beginning of a call, without the line that counts the arguments."""
        return pack_part([b"EVALSHA", self.sha, b"%d" % len(keys), *keys])

    def call(self, keys: Sequence[bytes], *arguments: bytes | int | str) -> bytes:
        """A call, as bytes."""
        given = [part if isinstance(part, bytes) else str(part).encode() for part in arguments]
        return b"*%d\r\n" % (3 + len(keys) + len(given)) + self.stem(keys) + pack_part(given)

    def is_called(self, command: bytes) -> bool:
        """Whether `command` is a call of this script."""
        return command.find(self.sha, 0, HEAD_BYTES) >= 0

    @property
    def load(self) -> bytes:
        return pack([b"SCRIPT", b"LOAD", self.source])


PUBLISH = Script("publish", "outdated")
OPEN = Script("open", "outdated")
HISTORY = Script("history")
FORGET = Script("forget")
PRESENT = Script("present")
BEAT = Script("beat")
LEAVE = Script("leave")
BURY = Script("bury")
BURIED = Script("buried")
DECIDE = Script("decide")
RIGHTS = Script("rights")
ALL = (PUBLISH, OPEN, HISTORY, FORGET, PRESENT, BEAT, LEAVE, BURY, BURIED, DECIDE, RIGHTS)
