"""How fast a client takes what waits for it: a client that takes almost nothing is stuck, and is closed.

A slow line is not stuck: at 256 kbit/s a client takes ten times what is asked here. The operating system takes data of
a connection in steps of a megabyte, so what counts is what the client's side has confirmed. A client that is stuck may
read a little now and then, so that nothing waits for a moment: the stretch goes on afterwards.
Invariant: time of which it is told that this process itself did not run never counts against a client.
"""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios

from tidegate.transport.context import TransportSettings


def unconfirmed(transport: asyncio.Transport) -> int:
    """Bytes of a connection that its client's side has not confirmed: here, and with the operating system."""
    waiting = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if sock is None:
        return waiting
    try:
        queued = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:  # the connection has just ended, or the system does not tell
        return waiting
    return waiting + int.from_bytes(queued, sys.byteorder)


class Taking:
    """A stretch of time, with what waited at its begin. `waiting`: bytes that the client's side did not confirm."""

    __slots__ = ("_passed", "_rests_since", "_since", "_taken", "_waiting")

    def __init__(self, waiting: int, now: float) -> None:
        """It begins `now`: the client has left its receive buffer full, or is sent a ping."""
        self._passed = 0.0
        """Seconds of earlier parts of the stretch."""
        self._taken = 0
        """Bytes that were confirmed in them."""
        self._rests_since: float | None = None
        self._waiting = waiting
        self._since = now

    def rests(self, waiting: int, now: float) -> None:
        """The client reads again. What it takes until `go_on` does not count, nor does the time."""
        self._taken += self._waiting - waiting
        self._passed += now - self._since
        self._rests_since = now

    def rested(self, now: float) -> float:
        """For how many seconds the client has read."""
        return 0.0 if self._rests_since is None else now - self._rests_since

    def go_on(self, waiting: int, now: float) -> None:
        self._rests_since = None
        self._waiting, self._since = waiting, now

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`, which do not count against the client."""
        self._since = min(self._since + seconds, now)

    def silent(self, settings: TransportSettings, waiting: int, now: float) -> bool:
        """Whether a client that was sent a ping at the begin of this stretch had time to answer, and did not.

        The ping is behind what waited then. A client that takes this is alive, although the answer is far away.
        """
        if now - self._since <= settings.ping_timeout:
            return False
        taken = self._waiting - waiting
        self._waiting, self._since = waiting, now
        return taken < max(1, settings.slow_rate)

    def too_slow(self, settings: TransportSettings, waiting: int, now: float, *, may_miss: bool) -> float:
        """Seconds in which the client has taken too little, where that is so; 0.0 otherwise. Asked once a second.

        `may_miss`: the client may miss what waits for it. It has more time, as long as it takes anything.
        """
        taken, passed = self._taken + self._waiting - waiting, self._passed + now - self._since
        least, limit = settings.slow_rate, settings.slow_window
        if may_miss:
            least, limit = 1, settings.max_stall
        if passed >= limit and taken < least:
            return passed
        if passed >= limit or (may_miss and taken):
            self._passed, self._taken = 0.0, 0
            self._waiting, self._since = waiting, now
        return 0.0


def going_on(taking: Taking | None, settings: TransportSettings, waiting: int, now: float) -> Taking:
    """The client has left its receive buffer full, perhaps again: the stretch that goes on.

    After a rest as long as a window, a new stretch begins.
    """
    if taking is None or taking.rested(now) >= settings.slow_window:
        return Taking(waiting, now)
    taking.go_on(waiting, now)
    return taking
