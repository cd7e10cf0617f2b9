"""How much a client may send: frames and bytes a second, of each connection and of each address.

The connections of one address share a second pair of buckets, so that many connections are no way around the limit. A
frame that takes the event loop long counts as several. A client over its rate is not read from. One that keeps sending
more than it may is closed; one that only shares its address with such a client is not. It knows no connection and no
clock: `now` is in seconds and only goes forward.
Invariant: no frame is received beyond what both pairs of buckets hold; of bytes, one reception may be owed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from tidegate.core.budgets.rates import ENDLESS, Bucket, Rate

OVER_S = 10.0
"""Seconds over its rate after which a client is closed."""
ROUNDING = 1e-6
FRAME_S = 0.0002
"""Seconds of the event loop that one frame may use."""
MOST_AT_ONCE = 100
"""The most frames that a turn counts for: the process may have been suspended meanwhile."""
FRAMES, BYTES = 8, 4096
"""What a connection takes from the buckets at a time. What it does not use then, it has in hand."""


Verdict = Literal["read", "wait", "close"]
"""What to do with a client that was over its rate."""


class TrafficRates(NamedTuple):
    """The limits of one connection, or of one address."""

    frames: Rate
    bytes: Rate


class ConnectionRates:
    """The limits of each connection, as they are now. All connections look here."""

    __slots__ = ("now",)

    def __init__(self, rates: TrafficRates) -> None:
        self.now = rates


class SharedTraffic:
    """What the connections of one address may send together."""

    __slots__ = ("bytes", "connections", "frames", "rates")

    def __init__(self, rates: TrafficRates) -> None:
        self.rates = rates
        self.connections = 0
        """How many there are."""
        self.frames = Bucket(rates.frames)
        self.bytes = Bucket(rates.bytes)

    def use(self, rates: TrafficRates, now: float) -> None:
        """Hold to other limits from now on."""
        self.rates = rates
        self.frames.use(rates.frames, now)
        self.bytes.use(rates.bytes, now)

    def full(self, now: float) -> bool:
        return self.frames.full(now) and self.bytes.full(now)

    def stood_still(self, seconds: float, now: float) -> None:
        """As `Traffic.stood_still`."""
        self.frames.stood_still(seconds, now)
        self.bytes.stood_still(seconds, now)


class Traffic:
    """What one connection may send."""

    __slots__ = (
        "_bytes", "_caught_up", "_frames", "_limits", "_over_since", "_rates", "_taken", "_taken_before",
        "bytes", "frames", "shared",
    )  # fmt: skip

    def __init__(self, limits: ConnectionRates, shared: SharedTraffic | None = None) -> None:
        self.frames = 0
        """Frames in hand. Each frame that is received is taken from here; `more_frames` adds some."""
        self.bytes = 0
        """Bytes in hand; below 0 while more is owed."""
        self.shared = shared
        self._limits = limits
        self._rates = rates = limits.now
        """Those that its buckets hold to."""
        self._frames = Bucket(rates.frames)
        self._bytes = Bucket(rates.bytes)
        self._taken = self._taken_before = 0
        """Frames taken, in all and before the client was over its rate."""
        self._caught_up = False
        """Since the client was over its rate, it had a moment in which nothing of what it sent was left."""
        self._over_since: float | None = None

    @property
    def over(self) -> bool:
        """Whether the client was over its rate when it was looked at last, or is now."""
        return self._over_since is not None

    def more_frames(self, now: float) -> bool:
        """Take frames in hand. False: the client is over its rate."""
        if self._rates is not self._limits.now:
            self._use(self._limits.now, now)
        level, most = self._frames.level(now) + ROUNDING, FRAMES
        if self.shared is not None:
            left = self.shared.frames.level(now) + ROUNDING
            level = min(level, left)
            # Where little is left, each connection of the address is to have some of it.
            most = max(1, min(FRAMES, int(left / max(1, self.shared.connections))))
        if level < 1:
            return self._is_over(now)
        taken = min(most, int(level))
        self._frames.owe(now, taken)
        if self.shared is not None:
            self.shared.frames.owe(now, taken)
        self.frames += taken
        self._taken += taken
        return True

    def more_bytes(self, now: float) -> bool:
        """Take bytes in hand, and pay what is owed. False: the client is over its rate."""
        if self._rates is not self._limits.now:
            self._use(self._limits.now, now)
        if self._bytes.level(now) <= 0 or (self.shared is not None and self.shared.bytes.level(now) <= 0):
            return self._is_over(now)
        taken = BYTES - min(0, self.bytes)
        self._bytes.owe(now, taken)
        if self.shared is not None:
            self.shared.bytes.owe(now, taken)
        self.bytes += taken
        return True

    def took(self, seconds: float, frames: int, now: float) -> None:
        """Handling `frames` took `seconds`. Each frame has paid for `FRAME_S`; what is beyond counts as more frames."""
        more = min(int(seconds / FRAME_S), MOST_AT_ONCE) - frames
        if more > 0:
            self._frames.owe(now, more)
            if self.shared is not None:
                self.shared.frames.owe(now, more)
            self._taken += more

    def caught_up(self) -> None:
        """After a pause, all that had arrived of the client was received."""
        self._caught_up = True

    def look(self, now: float, *, waits: bool) -> Verdict:
        """What to do with a client that was over its rate; asked about once a second.

        `waits`: it was not read from until now. A client that could send all it wanted for a second is not over its
        rate any more.
        """
        if self._over_since is None or not waits:
            self._over_since = None
            return "read"
        if now - self._over_since >= OVER_S:
            if self._guilty(now):
                return "close"
            self._over_since = None
            self._is_over(now)
        has_frames = self.frames > 0 or self.more_frames(now)
        has_bytes = self.bytes >= 0 or self.more_bytes(now)
        return "read" if has_frames and has_bytes else "wait"

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: what the client was allowed to send meanwhile has yet to be read."""
        self._frames.stood_still(seconds, now)
        self._bytes.stood_still(seconds, now)
        if self._over_since is not None:
            self._over_since = min(self._over_since + seconds, now)

    def _use(self, rates: TrafficRates, now: float) -> None:
        """The limits have changed."""
        self._rates = rates
        self._frames.use(rates.frames, now)
        self._bytes.use(rates.bytes, now)

    def _is_over(self, now: float) -> bool:
        if self._over_since is None:
            self._over_since = now
            self._taken_before = self._taken
            self._caught_up = False
        return False

    def _guilty(self, now: float) -> bool:
        """Whether this client sends more than it may, or than its share, and not only others of its address."""
        if self.shared is None or self._frames.level(now) < FRAMES or self._bytes.level(now) <= BYTES:
            return True
        if not self._caught_up:
            return True
        limit = self.shared.rates.frames.per_second or ENDLESS
        return self._taken - self._taken_before > OVER_S * limit / max(1, self.shared.connections)
