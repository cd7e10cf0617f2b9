"""How fast requests may come over one connection: a request counts like a frame of a WebSocket.

A client that is over its rate is not read from, and is sent away if it does not stop. The rule is made elsewhere
(`Traffic`).
"""

from __future__ import annotations

from typing import Literal

from tidegate.transport.notices import TOO_FAST
from tidegate.transport.peers import Peer
from tidegate.transport.traffic import Traffic


class RequestRate:
    """Of one connection."""

    __slots__ = ("_traffic", "exceeded")

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self.exceeded = False
        """The client waits until it may send again."""

    def receive(self, size: int, now: float) -> bool:
        """`size` bytes have arrived. Returns whether they may be handled now."""
        traffic = self._traffic
        traffic.bytes -= size
        if traffic.bytes < 0 and not traffic.more_bytes(now):
            self.exceeded = True
        return not self.exceeded

    def request(self, now: float, size: int = 0) -> bool:
        """A request is here. Returns whether it may be handled now. `size`: its bytes that `receive` did not count."""
        traffic = self._traffic
        if (not traffic.frames and not traffic.more_frames(now)) or (traffic.bytes < 0 and not traffic.more_bytes(now)):
            self.exceeded = True
            return False
        traffic.frames -= 1
        traffic.bytes -= size
        return True

    def owe(self, size: int) -> None:
        """`size` bytes were handled that nothing had counted: the next request pays for them."""
        self._traffic.bytes -= size

    @property
    def over(self) -> bool:
        """The client was over its rate: `look` is to be asked about once a second."""
        return self._traffic.over

    def caught_up(self) -> None:
        """After a pause, all that had arrived of the client was handled."""
        self._traffic.caught_up()

    def took(self, seconds: float, now: float) -> None:
        """Handling what arrived took `seconds`, which is more than `traffic.LONG_S`."""
        self._traffic.took(seconds, 1, now)

    def look(self, peer: Peer, now: float) -> Literal["read", "wait", "close"]:
        """What to do with a client that was over its rate; to be asked about once a second."""
        verdict = self._traffic.look(now, waits=self.exceeded)
        if verdict != "wait":
            self.exceeded = False
        if verdict == "close":
            TOO_FAST(peer.logged)
        return verdict

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: what the client was allowed to send meanwhile has yet to be read."""
        self._traffic.stood_still(seconds, now)
