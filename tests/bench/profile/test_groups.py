"""The names of a profile: each stack has one, and together they are what was measured."""

from __future__ import annotations

import asyncio
import inspect
import selectors
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.bench.profile.__main__ import measure, profiled
from tests.bench.profile.groups import REST, name_of, shares
from tests.bench.profile.sampled import Stack
from tests.bench.transport import tidegate
from tests.support.cases import every_case
from tidegate.core.rows import subscriptions
from tidegate.transport import read_side, straight, write_side


def at(module: ModuleType, words: str) -> tuple[str, str, int]:
    """The first line of a module with these words."""
    file = inspect.getsourcefile(module)
    assert file is not None
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return file, "f", next(number for number, line in enumerate(lines, 1) if words in line)


LOOP = asyncio.selector_events


NAMED: dict[str, Stack] = {
    "system: write": (at(straight, "self._socket.send("), at(write_side, "self._write(")),
    "system: read": (at(LOOP, "self._sock.recv_into("),),
    "frames out": (at(straight, "if self._buffered"), at(write_side, "self._write(")),
    "system: wait": (at(selectors, "self._selector.poll("),),
    "system: open and close a socket": (at(LOOP, "sock.accept()"),),
    "asyncio": (at(LOOP, "def _add_reader("),),
    "frames in": (at(read_side, "def received("), at(LOOP, "def _read_ready(")),
    "core: rows": (("/elsewhere/weakref.py", "f", 1), at(subscriptions, "def start(")),
    REST: (("/elsewhere/some.py", "f", 1),),
}


def test_each_stack_has_the_name_of_its_part() -> None:
    with every_case() as case:
        for name, stack in NAMED.items():
            with case(name):
                assert name_of(stack) == name


def test_the_sum_of_the_parts_is_what_the_threads_took() -> None:
    stacks: list[tuple[Stack, int]] = [((at(LOOP, "self._sock.send("),), 3), ((at(read_side, "def received("),), 1)]
    found = shares(stacks, {"main": 8.0, "reader_0": 1.0, "reader_1": 2.0}, "main")
    assert [(share.name, share.us) for share in found] == [
        ("system: write", 6.0),
        ("thread: reader", 3.0),
        ("frames in", 2.0),
    ]
    assert found[0].noise == pytest.approx(found[2].noise)


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="the timer of the profile is Linux's")
async def test_a_gateway_samples_itself_while_it_answers() -> None:
    with profiled() as sampled, tidegate() as plain:
        found, without, samples = await measure("ping", sampled, plain, 0.2)
    assert samples
    assert without > 0
    assert {"system: write", "asyncio"} & {share.name for share in found}
    assert all(share.us >= 0 for share in found)
