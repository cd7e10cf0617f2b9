"""What one gateway process tells operators, and does for them: the operations, by name.

An operation takes arguments and returns what becomes JSON. How it is asked for, by HTTP or by another worker, is not
known here; nor who may ask.
Invariant: nothing that an operation returns holds a token, a payload, a row or the info of a member.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from tidegate.admin import process
from tidegate.admin.answering import Arguments, OperationError
from tidegate.admin.collector import Sources, collect
from tidegate.admin.draining import Draining
from tidegate.admin.exposition import with_label
from tidegate.admin.moments import moment
from tidegate.core.closes import DRAIN, FORBIDDEN
from tidegate.core.errors import Refused
from tidegate.core.sessions import Sessions
from tidegate.gateway import inspection
from tidegate_protocol import CloseCode

LONGEST_S, MOST = 10.0, 1000


class Local:
    """The operations of this process. `worker`: its number; 0 where there are no workers."""

    def __init__(self, sources: Sources, draining: Draining, worker: int = 0) -> None:
        self.sources = sources
        self.worker = worker
        self._draining = draining
        self._operations: dict[str, Callable[[Arguments], Awaitable[Any]]] = {
            "metrics": self._metrics,
            "connections": self._connections,
            "rooms": self._rooms,
            "room": self._room,
            "subscriptions": self._subscriptions,
            "nodes": self._nodes,
            "nodes_elsewhere": self._nodes_elsewhere,
            "disconnect": self._disconnect,
            "disconnect_here": self._disconnect_here,
            "revoke": self._revoke,
            "drain": self._drain,
            "resume": self._resume,
            "forget_history": self._forget_history,
        }

    async def ask(self, operation: str, arguments: Arguments) -> Any:
        """What `operation` returns, made of dicts, lists, texts and numbers. Raises OperationError."""
        found = self._operations.get(operation)
        if found is None:
            raise OperationError(HTTPStatus.NOT_FOUND, f"there is no operation {operation}")
        try:
            return msgspec.to_builtins(await found(arguments))
        except Refused as refused:
            status = HTTPStatus.BAD_REQUEST if not refused.temporary else HTTPStatus.SERVICE_UNAVAILABLE
            raise OperationError(status, refused.message) from None

    # -- seeing -----------------------------------------------------------------------------------------------------

    async def _metrics(self, _: Arguments) -> Any:
        families = collect(self.sources) + await asyncio.to_thread(lambda: list(process.families()))
        return with_label(families, "worker", str(self.worker)) if self.worker else families

    async def _connections(self, asked: Arguments) -> Any:
        connected, seconds = self.sources.connected, _number(asked, "seconds", 0.0, LONGEST_S)
        before = None
        if seconds:
            before = inspection.figures(connected)
            await asyncio.sleep(seconds)
        views = inspection.connections(
            connected,
            sort=_sort(asked, inspection.CONNECTION_SORTS, "cost"),
            limit=int(_number(asked, "limit", 20, MOST)),
            user=asked.get("user"),
            address=asked.get("address"),
            before=before,
        )
        return [msgspec.structs.replace(view, worker=self.worker) for view in views]

    async def _rooms(self, asked: Arguments) -> Any:
        sort, limit = _sort(asked, inspection.ROOM_SORTS, "connections"), int(_number(asked, "limit", 20, MOST))
        return inspection.rooms(self._sessions, sort=sort, limit=limit)

    async def _room(self, asked: Arguments) -> Any:
        return inspection.room(self._sessions, str(asked.get("room", "")))

    async def _subscriptions(self, asked: Arguments) -> Any:
        sort, limit = _sort(asked, inspection.GROUP_SORTS, "frames"), int(_number(asked, "limit", 20, MOST))
        views = inspection.subscriptions(self._sessions, sort=sort, limit=limit)
        return [{"worker": self.worker, **msgspec.to_builtins(view)} for view in views]

    async def _nodes(self, _: Arguments) -> Any:
        here = {"standing": "present", "heard": 0.0, "silent": False}
        return [{"worker": self.worker, **self.sources.gateway.roll_call.about(), **here}]

    async def _nodes_elsewhere(self, _: Arguments) -> Any:
        """The other gateways of the engine, as they say of themselves."""
        return await self.sources.gateway.roll_call.ask()

    # -- doing ------------------------------------------------------------------------------------------------------

    async def _disconnect(self, asked: Arguments) -> Any:
        """At whichever gateway of the engine the connection is."""
        code: CloseCode = DRAIN if asked.get("again") else FORBIDDEN
        user, connection = asked.get("user"), asked.get("connection")
        self.sources.gateway.removal.disconnect(user=user, connection=connection, code=code)
        return {"asked": True}

    async def _disconnect_here(self, asked: Arguments) -> Any:
        """Connections of this process that speak HTTP: they have no session."""
        found = [each for each in self.sources.connected if each.id == asked.get("connection")]
        ended = [each for each in found if inspection.session_of(each) is None]
        for each in ended:
            each.close(FORBIDDEN, "")
        return {"ended": len(ended)}

    async def _revoke(self, asked: Arguments) -> Any:
        until = None if asked.get("until") is None else _moment(asked, "until")
        await self.sources.gateway.removal.revoke(user=asked.get("user"), jti=asked.get("jti"), until=until)
        return {"asked": True}

    async def _drain(self, asked: Arguments) -> Any:
        if not self._draining.begin(_number(asked, "seconds", 30.0, 3600.0)):
            raise OperationError(HTTPStatus.CONFLICT, "the gateway is draining already")
        return {"draining": True, "connections": len(self._sessions)}

    async def _resume(self, _: Arguments) -> Any:
        self._draining.undo()
        return {"draining": False}

    async def _forget_history(self, asked: Arguments) -> Any:
        name = str(asked.get("room", ""))
        self._sessions.protocol.rooms.rules(name)
        await self.sources.gateway.engine.forget(name)
        return {"forgotten": True}

    @property
    def _sessions(self) -> Sessions:
        return self.sources.gateway.sessions


def _sort(asked: Arguments, sorts: Mapping[str, object], usual: str) -> str:
    sort = str(asked.get("sort", usual))
    if sort not in sorts:
        raise OperationError(HTTPStatus.BAD_REQUEST, f"sort: must be one of {', '.join(sorts)}")
    return sort


def _moment(asked: Arguments, name: str) -> float:
    try:
        return moment(asked[name])
    except ValueError as error:
        raise OperationError(HTTPStatus.BAD_REQUEST, f"{name}: {error}") from None


def _number(asked: Arguments, name: str, usual: float, most: float) -> float:
    try:
        value = float(asked.get(name, usual))
    except (TypeError, ValueError):
        value = -1.0
    if not 0 <= value <= most:
        raise OperationError(HTTPStatus.BAD_REQUEST, f"{name}: must be a number from 0 to {most:g}")
    return value
