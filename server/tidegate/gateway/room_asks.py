"""Reads the rows that decide whether a session may join a room, and goes on with what the session asked meanwhile.

What the rows mean is decided in `core.rooms.guard`. Every read is the session's own, within its budget.
Invariant: the change feed delivers what is committed after a read, before the session is in the room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec import UNSET

from tidegate.core.effects import Effect
from tidegate.core.errors import Refused
from tidegate.core.optional import given_ref
from tidegate.core.rooms.effects import AskRows
from tidegate.core.rooms.guard import unavailable
from tidegate.core.rows.ports import ReadQuery, Store
from tidegate.core.session import Session
from tidegate.core.sessions import Sessions
from tidegate.core.watches.watch import KEPT_KEYS, Watch
from tidegate.gateway.work import Work


class RoomAsks:
    """Carries out `AskRows`."""

    def __init__(self, sessions: Sessions, store: Store, work: Work, run: Callable[[Sequence[Effect]], None]) -> None:
        self._sessions = sessions
        self._requests = sessions.protocol.room_requests
        self._watches = sessions.protocol.watches
        self._store = store
        self._work = work
        self._run = run

    def begin(self, effect: AskRows) -> None:
        """Ask, in a task that ends with the session."""
        try:
            self._work.spawn_reading(effect.session, [effect.ref], self._ask(effect))
        except Refused:
            self._requests.not_asked(effect.grant)
            raise

    async def _ask(self, effect: AskRows) -> None:
        try:
            if not self._store.following:
                await self._store.resume()
            for watch in effect.grant.watches:
                if not watch.holds:
                    await self._read(watch, effect.session)
            self._run(self._requests.asked(effect.grant, effect.request, effect.now))
        except BaseException as error:  # the boundary: whatever failed, the session is not in the room
            self._requests.not_asked(effect.grant)
            if isinstance(error, Exception):
                asyncio.get_running_loop().call_soon(self._go_on, effect)  # after the answer to the `join`
            raise
        self._go_on(effect)

    async def _read(self, watch: Watch, session: Session) -> None:
        resource, where = watch.condition.resource, watch.condition.where
        if resource in self._store.incomplete:
            raise unavailable()
        query = ReadQuery(resource=resource, where=where, limit=KEPT_KEYS + 1, fields=watch.key)
        found = await self._store.read(query, session.payer)
        self._watches.read(watch, found.rows, found.seq)

    def _go_on(self, effect: AskRows) -> None:
        """Do what the session asked of the room meanwhile."""
        session, requests = effect.session, effect.grant.queue
        effect.grant.queue = []
        if session not in self._sessions:
            return
        for request in requests:
            try:
                self._run(self._requests.receive(session, request, effect.now))
            except Refused as refused:
                self._work.refuse(session, [given_ref(getattr(request, "ref", UNSET))], refused)
