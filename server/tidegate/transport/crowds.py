"""Whether frames to many sinks wait a moment for more: one write of several frames costs little more than of one.

They wait only after it was seen that more came while frames to many sinks were being written, and for less time than
that writing takes. So what several clients say at about the same time leaves together. Waits for nothing end it, but
only those of a message that came alone: several at a time are a burst, of which the rest may come a moment later. It
knows neither sinks nor the event loop.
Invariant: frames wait for `STEP_S`, then again for each time that more came meanwhile, at most `SHARE_S` for each sink.
"""

from __future__ import annotations

CROWD = 500
"""Sinks that are many. To write to them takes about 2.5 ms."""
STEP_S = 0.001
"""Seconds of one wait: the shortest that an event loop over epoll has."""
SHARE_S = 0.000002
"""Seconds that frames may wait for each sink. To write to one takes more than twice as long."""
PATIENCE = 3
"""Waits of `STEP_S` for nothing, each with one message, until frames wait no more."""


class Crowds:
    """The fan-outs of one outbox, which counts in `pushed` each one that goes to `CROWD` sinks or more."""

    def __init__(self) -> None:
        self.pushed = 0
        """How many there were."""
        self._known = 0
        """Of these, when this was looked at last."""
        self._steps: int | None = None
        """How often the present frames may wait again; None while none wait."""
        self._patience = 0
        """Waits for nothing that are left. Above 0, more frames are likely to come soon."""
        self._burst = False
        """Whether the present frames are of several fan-outs."""

    def waits(self, sinks: int) -> bool:
        """Whether frames to `sinks` sinks, a crowd, wait for `STEP_S`. The caller asks again after that time."""
        known, self._known = self._known, self.pushed
        if self._steps is None:
            self._burst = self.pushed - known > 1
            self._steps = int(sinks * SHARE_S / STEP_S) if self._patience else 0
        elif self.pushed != known:
            self._patience = PATIENCE
        else:
            self._patience -= not self._burst
            self._steps = 0
        if not self._steps:
            self._steps = None
            return False
        self._steps -= 1
        return True

    def partly_written(self) -> None:
        """The present frames were written to some sinks: what came meanwhile needs one more write to each of these."""
        if self.pushed != self._known:
            self._known = self.pushed
            self._patience = PATIENCE
