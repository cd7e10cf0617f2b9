"""The stop of a gateway, step by step.

1. For `drain_delay` seconds only `/readyz` says it: load balancers learn of the stop while clients can still connect.
2. For `drain` seconds the clients are sent away evenly (close 4200), and new ones are refused.
3. The other gateways learn that this one leaves. Who is left hears goodbye (4201). Requests under way have half of
   `graceful` to be answered, are then given up, and the connections end.
A second signal goes on with the third step. A worker whose successor serves begins with the second step: it accepts
nothing more, but serves the connections that it has accepted, and stays ready. It knows no signals, and not how the
parts do what they are told.
Invariant: it returns within the three times, and no connection and no task is left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tidegate.core import closes
from tidegate.gateway.assembly import Parts
from tidegate.store import OpenedStore
from tidegate.transport import CloseReason, Listener

log = logging.getLogger("tidegate")

LOOK_S = 0.02
"""Between two looks at whether a handshake is under way."""
STORE_CLOSE_S = 0.25
"""How long the store, whose clients are gone, may take to end what it does."""
RESTART = CloseReason(closes.RESTART, closes.REASONS[closes.RESTART])


class StopTimes(NamedTuple):
    """Seconds of the steps; see above."""

    drain_delay: float
    drain: float
    graceful: float

    def at_reload(self, drain: float) -> StopTimes:
        """Those of a worker whose successor serves, and which has at least `drain` to send its clients away."""
        return StopTimes(0.0, max(self.drain, drain), self.graceful)


async def stop(
    gateway: Parts,
    listener: Listener,
    times: StopTimes,
    retry_after: Callable[[], float],
    skipped: Callable[[float], Awaitable[bool]],
    *,
    retired: bool = False,
) -> None:
    """Stop `gateway`; `retired`: its successor serves.

    `retry_after`: seconds until one client that was sent away comes back. `skipped`: waits for some seconds, or until
    the drain is to end; says whether it is.
    """
    log.info("stopping", extra={"connections": len(gateway.sessions)})
    gateway.sessions.draining = not retired
    if retired:
        listener.accept_no_more()
        times = times._replace(drain=times.drain - await _handshakes(listener, times.drain / 2, skipped))
    if (times.drain_delay or times.drain) and not await skipped(times.drain_delay) and times.drain:
        log.info("sending the clients away", extra={"connections": len(gateway.sessions), "seconds": times.drain})
        if not retired:
            listener.refuse_clients()
        await gateway.handler.drain(times.drain, retry_after, skipped)
    gateway.engine.leave()
    gateway.life.stop()
    gateway.handler.say_goodbye(closes.RESTART, retry_after)
    await listener.stop(times.graceful, RESTART)
    gateway.work.cancel()
    await asyncio.sleep(0)


async def _handshakes(listener: Listener, seconds: float, skipped: Callable[[float], Awaitable[bool]]) -> float:
    """Let those come in that were accepted, for `seconds` at most. Returns how long it took."""
    now = asyncio.get_running_loop().time
    began = now()
    while listener.shaking_hands and now() - began < seconds and not await skipped(LOOK_S):
        pass
    return min(seconds, now() - began)


def left_behind(gateway: Parts, store: OpenedStore) -> str:
    """What a gateway that cannot stop in time still waits for. May be called in any thread."""
    found = [f"{len(gateway.sessions)} connections"] if len(gateway.sessions) else []
    found += [f"{gateway.work.under_way} requests"] if gateway.work.under_way else []
    found += store.unfinished()
    return ", ".join(found) or "nothing"
