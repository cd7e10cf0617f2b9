"""What a fuzzer's target is: a reader of bytes that strangers send, and what must hold for any bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

CORPUS = Path(__file__).parent / "corpus"


class Run(Protocol):
    """Reads `data` and returns what became of it, in a few words. Raises AssertionError where what must hold does not.

    Two inputs with equal outcomes went the same way, as far as one can see: the fuzzer keeps the first of them.
    """

    def __call__(self, data: bytes) -> str: ...


class Target(NamedTuple):
    """`make` builds what its `Run` needs, which may take a second."""

    name: str
    make: Callable[[], AbstractContextManager[Run]]
    seeds: Sequence[bytes]
    words: Sequence[bytes]
    """Pieces that are worth being put in."""


def kept(name: str) -> list[bytes]:
    """The inputs of the corpus: one a line, in hexadecimal digits."""
    file = CORPUS / f"{name}.txt"
    return [bytes.fromhex(line) for line in file.read_text().split()] if file.exists() else []


def keep(name: str, inputs: Sequence[bytes]) -> None:
    """Write the corpus again, with `inputs` as well."""
    every = sorted({*kept(name), *inputs}, key=lambda data: (len(data), data))
    (CORPUS / f"{name}.txt").write_text("".join(f"{data.hex()}\n" for data in every))
