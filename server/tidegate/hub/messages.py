"""What both kinds of lines say: who speaks, and why something is refused.

Each message is an array in MessagePack whose first item tells its kind.
Invariant: a `Refused` that crossed is the same one: every field, and whether it passes.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tidegate.core.errors import PermanentFailure, Refused
from tidegate_protocol import Violation

VERSION = 4
"""Of all messages of the lines: two ends with different ones do not understand each other."""

Kind = Literal["rooms", "rows"]


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """The first message of a worker on each line."""

    version: int
    kind: Kind
    node: str
    """Names the worker's process."""


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The answer to the request `id`. The hello has the id 0."""

    id: int
    code: Any
    message: str
    pointer: str | None = None
    keyword: str | None = None
    errors: tuple[tuple[str, str, str], ...] = ()
    retry_after: float | None = None
    ref: str | int | None = None
    permanent: bool = False

    @classmethod
    def of(cls, id: int, refused: Refused) -> Refusal:
        return cls(
            id,
            refused.code,
            refused.message,
            refused.pointer,
            refused.keyword,
            tuple((found.pointer, found.keyword, found.message) for found in refused.errors),
            refused.retry_after,
            refused.ref,
            isinstance(refused, PermanentFailure),
        )

    def refused(self) -> Refused:
        return (PermanentFailure if self.permanent else Refused)(
            self.code,
            self.message,
            pointer=self.pointer,
            keyword=self.keyword,
            errors=tuple(Violation(pointer=at, keyword=word, message=text) for at, word, text in self.errors),
            retry_after=self.retry_after,
        ).answering(self.ref)


encode = msgspec.msgpack.Encoder().encode
decode_hello = msgspec.msgpack.Decoder(Hello).decode
