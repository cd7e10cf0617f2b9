"""Puts the parts of one gateway together, each whole from the start.

It makes no adapter: the store, the engine, the identities and the task group come from the composition root.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import TaskGroup
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tidegate.contract import Contract
from tidegate.core.budgets.addresses import Addresses
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.effects import CancelCall, Identify
from tidegate.core.identities import Identities
from tidegate.core.revocations import Revocations
from tidegate.core.rooms.effects import SharePresence
from tidegate.core.rooms.ports import Engine
from tidegate.core.rows.ports import Store
from tidegate.core.sessions import Sessions
from tidegate.gateway.application.background import Background
from tidegate.gateway.application.events import Events
from tidegate.gateway.application.gate import Gate
from tidegate.gateway.application.life import ApplicationLife
from tidegate.gateway.application.pushes import Pushes
from tidegate.gateway.application.side import ApplicationSide
from tidegate.gateway.calls.around import with_arounds
from tidegate.gateway.calls.calls import HandlerCalls
from tidegate.gateway.calls.outcome import Outcomes
from tidegate.gateway.calls.part_sender import PartSender
from tidegate.gateway.calls.transaction import Transactions
from tidegate.gateway.catch_up import CatchUpDriver
from tidegate.gateway.counts import GatewayCounts
from tidegate.gateway.custom_messages import CustomMessages
from tidegate.gateway.effects import Effects
from tidegate.gateway.engine_listener import EngineListener
from tidegate.gateway.facts import facts_of
from tidegate.gateway.feed import Feed
from tidegate.gateway.http.api import HttpApi
from tidegate.gateway.http.forwarding import Forwarding
from tidegate.gateway.http.front import Front
from tidegate.gateway.http.stream_requests import StreamRequests
from tidegate.gateway.http.streams import Streams
from tidegate.gateway.lifecycle import Lifecycle
from tidegate.gateway.outdated import Outdated
from tidegate.gateway.removal import Removal
from tidegate.gateway.roll_call import RollCall
from tidegate.gateway.sender import Sender
from tidegate.gateway.session_clock import SessionClock
from tidegate.gateway.sessions import SessionHandler
from tidegate.gateway.token_checks import TokenChecks
from tidegate.gateway.tracing.spans import Spans
from tidegate.gateway.tracing.traced import TracedHttpApi, TracedSessions, TracedWork
from tidegate.gateway.unsent import UnsentBytes
from tidegate.gateway.watched_rooms import WatchedRooms
from tidegate.gateway.work import Work
from tidegate.handlers import Gateway


@dataclass(frozen=True, slots=True)
class Parts:
    """One gateway that serves."""

    handler: SessionHandler
    """What connections talk to."""
    sessions: Sessions
    feed: Feed
    engine: Engine
    listener: EngineListener
    """What the engine tells; here a part registers for what gateways tell one another."""
    work: Work
    catch_up: CatchUpDriver
    outdated: Outdated
    ledger: Ledger
    """What clients make the gateway hold."""
    counts: GatewayCounts
    unsent: UnsentBytes
    """Where connections tell what waits for their clients."""
    calls: HandlerCalls
    """Has threads: to be closed at the end."""
    clock: SessionClock
    application: ApplicationSide
    """What the application's code reaches."""
    lifecycle: Lifecycle
    """Where a part registers for what happens to connections and rooms."""
    transactions: Transactions | None
    """Has connections: to be closed at the end."""
    life: ApplicationLife
    """To be started before the first client connects, and stopped when the gateway says goodbye."""
    api: Front
    """What requests over HTTP talk to."""
    removal: Removal
    """Ends connections and tokens for the operator."""
    streams: Streams
    roll_call: RollCall
    """Who the other gateways are."""
    ends: Sequence[Callable[[], None]] = ()
    """To be called at the end: what parts outside of the gateway do then."""
    identities: Identities | None = None
    """What checks tokens."""
    spans: Spans | None = None
    """Of requests; None where none are wanted."""

    def tick(self) -> None:
        """Do what time alone brings; to be called at least every 100 ms."""
        self.clock.look()
        self.outdated.look()
        self.feed.look()
        self.handler.tick()
        self.calls.tick()
        self.catch_up.count_memory()

    async def aclose(self) -> None:
        """End what belongs to the application, as far as it can be ended."""
        self.removal.end()
        for end in self.ends:
            end()
        self.life.end()
        self.application.end()
        await self.calls.aclose()
        loop = asyncio.get_running_loop()
        if self.transactions is not None:
            await loop.run_in_executor(None, self.transactions.close)
        if self.spans is not None:
            await loop.run_in_executor(None, self.spans.export.close)


def assemble(
    *,
    contract: Contract,
    sessions: Sessions,
    handlers: Gateway,
    sender: Sender,
    engine: Engine,
    store: Store,
    identities: Identities,
    tasks: TaskGroup,
    ledger: Ledger | None = None,
    handler_timeout: float = 20.0,
    clock: Callable[[], float] = time.time,
    retry_after: Callable[[], float] = lambda: 0.0,
    addresses: Addresses | None = None,
    transactions: Transactions | None = None,
    revocations: Revocations | None = None,
    ends: Sequence[Callable[[], None]] = (),
    spans: Spans | None = None,
) -> Parts:
    """A gateway that serves as soon as connections talk to its handler. `tasks` must outlive the last connection.

    `ledger`: what clients may make the gateway hold; without it there is no limit. `handler_timeout`: seconds that a
    handler may take. `retry_after`: seconds until one client that was sent away comes back. `addresses`: what each
    address may do; None for no limit. `transactions`: for `call.db`; without it handlers have none. `revocations`:
    which tokens are refused. `ends`: to be called at the end. `spans`: which requests have a span; None for no request.
    """
    tokens = TokenChecks(identities, addresses, revocations=revocations)
    rows = sessions.protocol.rows
    ledger = ledger or Ledger()
    work = Work(tasks, sender, ledger) if spans is None else TracedWork(tasks, sender, ledger, spans)
    catch_up = CatchUpDriver(rows, store, sender, ledger)
    effects = Effects(sessions, engine, store, sender, work, catch_up)
    calls = HandlerCalls(Outcomes(contract, sender), handler_timeout)
    moments, functions, lifecycle = handlers.moments, calls.functions, Lifecycle()
    gate = Gate(tokens, lifecycle, moments.of("connect"), functions)
    events = Events(moments, functions, handler_timeout)
    if events.wanted:
        lifecycle.listen(events.happened)
    background = Background(moments.background, functions, lambda: calls.present_loop)
    life = ApplicationLife(moments, functions, events, background, work)
    effects.add(CancelCall, lambda effect: calls.cancel(effect.session.id, effect.ref))
    listener = EngineListener(sessions, sender, effects.run, clock)
    removal = Removal(sessions, tokens.revocations, engine, listener, effects.run, clock, retry_after)
    pushes = Pushes(sessions, engine, sender, listener)
    application = ApplicationSide(contract, sessions.protocol, engine, store, pushes, clock)
    handlers.bind(application)
    answering = with_arounds(handlers.handlers, moments.arounds, calls.threads)
    parts = PartSender(sender, ledger)
    custom = CustomMessages(contract, answering, sender, calls, parts, application, transactions)
    session_clock = SessionClock(sessions, clock)
    if isinstance(work, TracedWork):
        handler: SessionHandler = TracedSessions(contract, sessions, gate, effects, work, custom, session_clock)
        http: HttpApi = TracedHttpApi(contract, handler, gate, work, session_clock)
    else:
        handler = SessionHandler(contract, sessions, gate, effects, work, custom, session_clock)
        http = HttpApi(contract, handler, gate, work, session_clock)
    effects.add(Identify, handler.identify)
    effects.add(SharePresence, partial(_share_presence, engine, lifecycle))
    sessions.protocol.rooms.occupants.listener = lifecycle
    listener.on_occupied, listener.on_vacated = lifecycle.occupied, lifecycle.vacated
    streams = Streams(handler, lambda: engine.node)
    stream_requests = StreamRequests(streams, Forwarding(streams, engine, listener), tokens, session_clock)
    api = Front(http, stream_requests)
    watched = WatchedRooms(sessions.protocol, effects, store, session_clock)
    feed = Feed(sessions.protocol, catch_up, effects, watched, counts=sender.counts)
    engine.listen(listener)
    feed.listen(store)
    outdated = Outdated(store, handler, feed, retry_after)
    unsent = UnsentBytes(ledger)
    return Parts(
        handler,
        sessions,
        feed,
        engine,
        listener,
        work,
        catch_up,
        outdated,
        ledger,
        sender.counts,
        unsent,
        calls,
        session_clock,
        application,
        lifecycle,
        transactions,
        life,
        api,
        removal,
        streams,
        RollCall(engine, listener, facts_of(sessions, engine, store)),
        ends,
        identities,
        spans,
    )


def _share_presence(engine: Engine, lifecycle: Lifecycle, effect: SharePresence) -> None:
    lifecycle.present(effect.room, engine.present(effect.room, effect.user, effect.entry))
