"""The operations of all workers of this machine, as if they were one gateway; and who the other gateways are.

Each worker accepts from the address for operators, and asks the others. A worker that does not answer in time is left
out and named in the answer, so that one that hangs can be seen.
Invariant: what is done at every worker is done once at each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from tidegate.admin.answering import Arguments, OperationError
from tidegate.admin.exposition import Family, merged, of_labels
from tidegate.admin.local import Local
from tidegate.admin.tail import Tails

PATIENCE_S = 2.0
"""How long a worker may take, beside the seconds that the operation itself takes."""
EVERYWHERE = {"metrics", "connections", "rooms", "room", "subscriptions", "nodes", "drain", "resume", "disconnect_here"}
"""Operations that every worker is asked; the engine tells the others to all gateways."""


class Other(Protocol):
    """Another worker, or the hub."""

    name: str

    def has(self, operation: str) -> bool:
        """Whether it is asked for this: the hub is not asked for what it has not."""

    async def ask(self, operation: str, arguments: Arguments) -> Any:
        """As `Local.ask`. Raises OSError, OperationError and TimeoutError."""

    def follow(self, arguments: Arguments) -> AsyncIterator[dict[str, Any]]:
        """As `Tails.follow`."""


class Gathered:
    """Of one gateway. `others`: the workers that run now, without this one."""

    def __init__(self, local: Local, tails: Tails, others: Callable[[], Sequence[Other]] = lambda: ()) -> None:
        self.local = local
        self.tails = tails
        self._others = others

    async def ask(self, operation: str, arguments: Arguments) -> Any:
        """Raises OperationError."""
        if operation not in EVERYWHERE:
            return await self.local.ask(operation, arguments)
        others = [other for other in self._others() if other.has(operation)]
        mine = asyncio.ensure_future(self.local.ask(operation, arguments))
        answers = await asyncio.gather(*(self._ask(other, operation, arguments) for other in others))
        found = [await mine, *(answer for answer in answers if answer is not None)]
        missing = [other.name for other, answer in zip(others, answers, strict=True) if answer is None]
        answer = _JOIN[operation](found, missing, arguments)
        if operation == "nodes" and str(arguments.get("elsewhere", 1)) != "0":
            here = {row["node"] for row in answer["items"]}
            elsewhere = await self.local.ask("nodes_elsewhere", arguments)
            answer["items"] += [row for row in elsewhere if row["node"] not in here]
        return answer

    async def follow(self, arguments: Arguments) -> AsyncIterator[dict[str, Any]]:
        """What all workers see. Raises OperationError."""
        queue: asyncio.Queue[dict[str, Any] | OperationError] = asyncio.Queue(1000)

        async def take(events: AsyncIterator[dict[str, Any]]) -> None:
            try:
                async for event in events:
                    await queue.put(event)
            except OperationError as refused:
                await queue.put(refused)
            except OSError:
                return

        tasks = [asyncio.create_task(take(self.tails.follow(arguments)))]
        tasks += [asyncio.create_task(take(other.follow(arguments))) for other in self._others() if other.has("tail")]
        try:
            while True:
                event = await queue.get()
                if isinstance(event, OperationError):
                    raise event
                yield event
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, other: Other, operation: str, arguments: Arguments) -> Any:
        """None where it does not answer."""
        try:
            async with asyncio.timeout(PATIENCE_S + float(arguments.get("seconds", 0.0) or 0.0)):
                return await other.ask(operation, arguments)
        except (OSError, TimeoutError, OperationError, ValueError):
            return None


def _metrics(found: list[Any], missing: list[str], _: Arguments) -> list[Family]:
    families = merged(msgspec.convert(part, list[Family]) for part in found)
    return [
        *families,
        of_labels("tidegate_worker_silent", "gauge", "It did not answer.", "worker", dict.fromkeys(missing, 1)),
    ]


def _rows(usual: str) -> Callable[[list[Any], list[str], Arguments], dict[str, Any]]:
    def join(found: list[Any], missing: list[str], asked: Arguments) -> dict[str, Any]:
        rows = [row for part in found for row in part]
        rows.sort(key=lambda row: row.get(asked.get("sort", usual), 0), reverse=True)
        return {"items": rows[: int(float(asked.get("limit", 20)))], "silent": missing}

    return join


def _rooms(found: list[Any], missing: list[str], asked: Arguments) -> dict[str, Any]:
    """A room is open at several workers: its connections are added up, its members are known to each."""
    rooms: dict[str, dict[str, Any]] = {}
    for part in found:
        for row in part:
            known = rooms.setdefault(row["room"], row)
            if known is not row:
                for name in ("connections", "waiting"):
                    known[name] += row[name]
                known["members"] = max(known["members"], row["members"])
    return _rows("connections")([list(rooms.values())], missing, asked)


def _room(found: list[Any], missing: list[str], asked: Arguments) -> dict[str, Any]:
    here = [part for part in found if part is not None]
    if not here:
        raise OperationError(HTTPStatus.NOT_FOUND, f"the room {asked.get('room')!r} is not open")
    about = _rooms([[part["about"]] for part in here], missing, {})["items"][0]
    return {"about": about, "users": [user for part in here for user in part["users"]], "silent": missing}


def _all(found: list[Any], missing: list[str], _: Arguments) -> dict[str, Any]:
    rows = [row for part in found for row in (part if isinstance(part, list) else [part])]
    return {"items": rows, "silent": missing}


_JOIN: Mapping[str, Callable[[list[Any], list[str], Arguments], Any]] = {
    "metrics": _metrics,
    "connections": _rows("cost"),
    "rooms": _rooms,
    "room": _room,
    "subscriptions": _rows("frames"),
    "nodes": _all,
    "drain": _all,
    "resume": _all,
    "disconnect_here": _all,
}
