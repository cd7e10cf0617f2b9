"""How many answers to reads are made for a client that does not read them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.session import Session
from tidegate.gateway.answers import AT_ONCE, UNSENT_BYTES, Answers
from tidegate.gateway.pace import Pace
from tidegate.gateway.sender import Sender
from tidegate_protocol import Principal


class Sink:
    """A connection whose client reads when the test says so."""

    def __init__(self) -> None:
        self.unsent = 0
        self._read = asyncio.Event()

    async def drained(self) -> None:
        await self._read.wait()

    def read(self) -> None:
        self.unsent = 0
        self._read.set()


class Reads:
    """Reads that begin one after another and end when the test lets them."""

    def __init__(self, size: int = 0) -> None:
        self.sink = Sink()
        user = Principal(id="1", name="Ada", roles=[], anonymous=False)
        self.session = Session("c", self.sink, user)
        self.begun: list[int] = []
        self.sent: list[Any] = []
        self.go = asyncio.Event()
        self.size = size
        self.ledger = Ledger()
        self.answers = Answers(cast("Sender", self), self.ledger, Pace())

    def send_frame(self, session: Session, frame: bytes) -> None:
        assert session is self.session
        self.sink.unsent += self.size
        self.sent.append(int(frame))

    def ask(self, number: int, *, answered: bool = True) -> asyncio.Task[None]:
        async def read() -> bytes | None:
            self.begun.append(number)
            await self.go.wait()
            return b"%d" % number if answered else None

        return asyncio.create_task(self.answers.send(self.session, read))


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


async def test_few_reads_of_a_session_are_under_way_and_the_others_follow_in_order() -> None:
    reads = Reads()
    tasks = [reads.ask(number) for number in range(10)]
    await settle()
    assert reads.begun == list(range(AT_ONCE))
    reads.go.set()
    await asyncio.gather(*tasks)
    assert reads.begun == reads.sent == list(range(10))
    assert reads.answers._turns == {}


async def test_nothing_is_read_for_a_client_that_has_not_read_what_it_was_sent() -> None:
    reads = Reads(size=UNSENT_BYTES + 1)
    reads.go.set()
    tasks = [reads.ask(number) for number in range(50)]
    await settle()
    assert reads.sent == [0]
    assert len(reads.begun) <= AT_ONCE, "the others wait for the client, not in the memory of the gateway"
    assert reads.ledger.of_account("user 1", "reads") == len(reads.begun) - 1, "frames of one byte each"
    reads.size = 0
    reads.sink.read()
    await asyncio.gather(*tasks)
    assert sorted(reads.sent) == list(range(50))
    assert reads.ledger.total == 0


async def test_a_request_without_an_answer_takes_a_turn_too() -> None:
    reads = Reads()
    reads.go.set()
    await asyncio.gather(*(reads.ask(number, answered=False) for number in range(10)))
    assert (len(reads.begun), reads.sent, reads.answers._turns) == (10, [], {})


async def test_a_failed_read_gives_its_turn_on() -> None:
    reads = Reads()

    async def fails() -> None:
        raise ValueError("the database is gone")

    failing = [asyncio.create_task(reads.answers.send(reads.session, fails)) for _ in range(AT_ONCE + 1)]
    last = reads.ask(1)
    reads.go.set()
    assert all(isinstance(error, ValueError) for error in await asyncio.gather(*failing, return_exceptions=True))
    await last
    assert (reads.sent, reads.answers._turns) == ([1], {})


@pytest.mark.parametrize("handed_over", [False, True])
async def test_reads_that_are_cancelled_leave_no_turn_taken(handed_over: bool) -> None:
    reads = Reads()
    tasks = [reads.ask(number) for number in range(AT_ONCE + 3)]
    await settle()
    if handed_over:
        reads.go.set()
        while not reads.sent:  # noqa: ASYNC110  # the condition has no event to wait for
            await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert reads.answers._turns == {}
