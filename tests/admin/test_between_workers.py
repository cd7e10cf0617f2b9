"""Workers ask one another: on asyncio's loop and on uvloop, with refusals, and until the other one has ended."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support.waiting import until
from tidegate import event_loops
from tidegate.admin.answering import HUB, OperationError, address_of, answering
from tidegate.admin.between_workers import BetweenWorkers

LOOPS = [asyncio.new_event_loop]
if event_loops.installed():
    import uvloop

    LOOPS.append(uvloop.new_event_loop)


class Tails:
    """Says one event, and then nothing. `ended`: the one that followed is gone."""

    def __init__(self) -> None:
        self.ended = False

    async def follow(self, arguments: Any) -> AsyncIterator[dict[str, Any]]:
        try:
            yield {"event": arguments["user"]}
            await asyncio.Event().wait()
        finally:
            self.ended = True


class Gathered:
    """What another worker answers with."""

    def __init__(self) -> None:
        self.local = self
        self.tails = Tails()

    async def ask(self, operation: str, arguments: Any) -> Any:
        if operation == "refuse":
            raise OperationError(409, "not now")  # type: ignore[arg-type]  # a number will do
        return {"operation": operation, **arguments}


async def conversation() -> None:
    name, gathered = f"@{secrets.token_hex(8)}", Gathered()
    one, two = BetweenWorkers(name, 0, 3), BetweenWorkers(name, 1, 3)
    assert one.others() == []
    await two.listen(gathered)  # type: ignore[arg-type]  # as above: what is asked of it
    (other,) = one.others()
    assert other.name == "process 1"
    assert await other.ask("rooms", {"limit": 7}) == {"operation": "rooms", "limit": 7}
    with pytest.raises(OperationError, match="not now") as refused:
        await other.ask("refuse", {})
    assert refused.value.status == 409
    following = other.follow({"user": "7"})
    assert await anext(following) == {"event": "7"}
    await following.aclose()  # type: ignore[attr-defined]  # it is a generator
    await until(lambda: gathered.tails.ended)
    assert [each.name for each in one.others() if each.has("rooms")] == ["process 1"]
    hub = await answering(address_of(name, HUB), gathered.ask)
    asked = {each.name: await each.ask("metrics", {}) for each in one.others() if each.has("metrics")}
    assert asked["hub"] == {"operation": "metrics"}
    assert [each.name for each in one.others() if each.has("rooms")] == ["process 1"], "the hub has no clients"
    hub.close()
    two.close()
    await until(lambda: one.others() == [])


@pytest.mark.parametrize("loop", LOOPS)
def test_a_worker_answers_another_one(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(conversation())
