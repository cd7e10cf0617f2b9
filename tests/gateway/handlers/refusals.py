"""Refusals with arguments that no error to a client can have, and some that can."""

from __future__ import annotations

import enum
from typing import Any

from tidegate.handlers import Refused

from .way import SURROGATE, Way, raising, returning

refused: Any = Refused
"""For arguments that a type checker would not pass."""


class Bare(Refused):
    def __init__(self) -> None:
        """Sets no attribute."""


class Moody(Refused):
    @property
    def code(self) -> Any:
        raise SystemExit

    @code.setter
    def code(self, value: Any) -> None:
        """Kept nowhere."""


class Code(enum.StrEnum):
    CONFLICT = "conflict"


REFUSALS: dict[str, Way] = {
    "refuse": raising(lambda: refused("conflict", "none left", pointer="/way"), "conflict"),
    "refuse with a member of an enum": raising(lambda: refused(Code.CONFLICT, "none left"), "conflict"),
    "refuse with a code of the application": raising(lambda: refused("sold_out", "none left")),
    "refuse with code None": raising(lambda: refused(None, "none left")),
    "refuse with a number as code": raising(lambda: refused(404, "none left")),
    "refuse with a list as code": raising(lambda: refused([], "none left")),
    "refuse with a surrogate in the code": raising(lambda: refused("\udcff", "none left")),
    "refuse with a surrogate": raising(lambda: refused("conflict", SURROGATE)),
    "refuse with a long text": raising(lambda: refused("conflict", "x" * 1_000_000), "conflict"),
    "refuse with text None": raising(lambda: refused("conflict", None)),
    "refuse with bytes": raising(lambda: refused("conflict", b"none left")),
    "refuse with an exception as text": raising(lambda: refused("conflict", OSError("x"))),
    "refuse with a list as text": raising(lambda: refused("conflict", ["none left"])),
    "refuse without text": raising(lambda: refused("conflict")),
    "refuse with an unknown argument": raising(lambda: refused("conflict", "x", extra={})),
    "refuse with data and a code of the protocol": raising(lambda: refused("conflict", "x", data={})),
    "refuse with a number as pointer": raising(lambda: refused("conflict", "x", pointer=5)),
    "refuse with a surrogate in the pointer": raising(lambda: refused("conflict", "x", pointer="/\udcff")),
    "refuse with a long pointer": raising(lambda: refused("conflict", "x", pointer="/x" * 9999), "conflict"),
    "refuse with a long pointer without a slash": raising(lambda: refused("conflict", "x", pointer="x" * 9999)),
    "refuse with a number as keyword": raising(lambda: refused("conflict", "x", keyword=5)),
    "refuse with a long keyword": raising(lambda: refused("conflict", "x", keyword="x" * 999)),
    "refuse with wrong violations": raising(lambda: refused("conflict", "x", errors=(5,))),
    "refuse with no violations": raising(lambda: refused("conflict", "x", errors=5)),
    "refuse with text as retry_after": raising(lambda: refused("conflict", "x", retry_after="y")),
    "refuse with NaN as retry_after": raising(lambda: refused("conflict", "x", retry_after=float("nan"))),
    "refuse with a negative retry_after": raising(lambda: refused("conflict", "x", retry_after=-1.0)),
    "refuse another request": raising(lambda: refused("conflict", "x").answering(1), "conflict"),
    "refuse another request with a list": raising(lambda: refused("conflict", "x").answering([]), "conflict"),
    "refuse with nothing set": raising(Bare),
    "refuse with a code that raises": raising(lambda: Moody("conflict", "x")),
    "refuse in a group": raising(lambda: ExceptionGroup("all", [refused("conflict", "x")])),
    "return a refusal": returning(lambda: refused("conflict", "x")),
}
