"""Puts webhooks together: the settings' hooks, the schema that their filters are of, and the gateway's database.

Invariant: hooks that were `checked` can be sent to; without hooks, nothing here opens a connection or begins a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

from tidegate.config import ConfigError, Settings
from tidegate.contract import Contract
from tidegate.core.errors import Refused
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import Store
from tidegate.gateway.lifecycle import Happened, Lifecycle
from tidegate.hooks.events import Meets, of_life
from tidegate.hooks.hook import Hook
from tidegate.hooks.recorder import Recorder
from tidegate.hooks.sender import HookSender
from tidegate.schema.suggestions import suggestion
from tidegate.store import StoreError
from tidegate.store.hook_outbox import HookOutbox

log = logging.getLogger("tidegate.hooks")

LEFT = "nothing sends the messages of webhooks that the settings have no more: %s (tidegate hooks list)"
END_S = 1.0
"""How long a stop waits for the last events to be recorded."""


class Webhooks:
    """Those of one gateway."""

    def __init__(
        self,
        hooks: tuple[Hook, ...],
        meets: Mapping[str, Meets],
        database: str,
        store: Store,
        resource: str | None,
        clock: Callable[[], float],
    ) -> None:
        """`resource`: one of the schema, if it has any. `clock`: seconds since the Unix epoch."""
        self._clock = clock
        self._hooks = [hook for hook in hooks if hook.chosen]
        self._recorder: Recorder | None = None
        self._open = partial(HookOutbox, database)
        self._sender = HookSender(hooks, meets, store, resource, self._open, clock)
        self._task: asyncio.Task[None] | None = None

    async def start(self, lifecycle: Lifecycle) -> None:
        """To be called before the first client connects: webhooks are told what is committed from here on."""
        await self._sender.begin()
        self._recorder = Recorder(self._open)
        lifecycle.listen(self._happened)
        self._task = asyncio.get_running_loop().create_task(self._sender.run())

    async def aclose(self) -> None:
        """When no connection is left. What is not sent yet stays in the outbox."""
        if self._recorder is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._recorder.end, END_S)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _happened(self, happened: Happened) -> None:
        assert self._recorder is not None
        now = int(self._clock() * 1000)
        kind, room, connection, user = happened.kind, happened.room, happened.connection, happened.user
        found = [of_life(hook, kind, room, connection, user, now) for hook in self._hooks]
        self._recorder.record([event for event in found if event is not None])


def checked(
    settings: Settings, contract: Contract, store: Store, clock: Callable[[], float] = time.time
) -> Webhooks | None:
    """The webhooks of `settings`; None where there are none. Raises ConfigError for one that does not fit the schema,
    and where the database lacks their tables; in development mode they are made.
    """
    if not settings.hooks:
        return None
    meets = filters(settings, contract)
    outbox = HookOutbox(settings.database)
    try:
        if settings.dev:
            outbox.create()
        outbox.check()
        known = {hook.name for hook in settings.hooks}
        left = [name for name in outbox.names() if name not in known and outbox.count(name)]
        if left:
            log.warning(LEFT, ", ".join(map(repr, left)))
    except StoreError as error:
        raise ConfigError(f"hooks: {error}") from None
    finally:
        outbox.close()
    return Webhooks(settings.hooks, meets, settings.database, store, next(iter(contract.resources), None), clock)


def filters(settings: Settings, contract: Contract) -> dict[str, Meets]:
    """What the rows of each webhook meet, by its name. Raises ConfigError where one does not fit the schema."""
    return {hook.name: _filter(hook, contract) for hook in settings.hooks}


def create_tables(settings: Settings) -> bool:
    """Make the tables that webhooks need, if there are webhooks; returns whether one was missing. Raises StoreError."""
    if not settings.hooks:
        return False
    outbox = HookOutbox(settings.database)
    try:
        return outbox.create()
    finally:
        outbox.close()


def _filter(hook: Hook, contract: Contract) -> Meets:
    for resource in hook.resources:
        if resource not in contract.resources:
            meant = suggestion(resource, contract.resources)
            raise ConfigError(f"hooks: {hook.name!r}: the schema has no resource {resource!r}{meant}")
    if not hook.filter:
        return lambda _: True
    try:
        meets = predicate(compile_filters(contract.filters(hook.resources[0], dict(hook.filter))))
    except Refused as refused:
        place = (refused.pointer or "").removeprefix("/filters")
        raise ConfigError(f"hooks: {hook.name!r}: filter{place}: {refused.message}") from None
    return lambda image: meets(dict(image))
