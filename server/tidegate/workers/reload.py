"""A reload: the workers are replaced one after the other, each by one that takes the code and the settings of now.

A slot's successor starts on the same sockets. When it is ready, the worker before it leaves, and the next slot follows
when that one has gone: at no time there is more than one process more than workers. A successor that does not become
ready in time, or finds that it does not fit to the workers that run, ends the reload; the others go on as they are.
"""

from __future__ import annotations

import logging

from tidegate.workers.places import MemberPlace, how
from tidegate.workers.spawning import Process
from tidegate.workers.times import STOP_S, Times

log = logging.getLogger("tidegate.workers")


class Reload:
    """One reload of `slots`."""

    def __init__(self, slots: list[MemberPlace], times: Times) -> None:
        self._all = slots
        self._left = list(slots)
        """Those whose worker is not replaced yet, and whose predecessor has not gone."""
        self._begun: list[MemberPlace] = []
        """Those whose successor was started."""
        self._times = times
        self.over = False
        self.complete = False

    def step(self, now: float) -> None:
        """Do what is to be done now; to be called whenever something has changed."""
        while not self.over and self._left:
            slot = self._left[0]
            if slot.successor is not None or slot.leaving:
                return
            if slot in self._begun:
                self._left.pop(0)
                continue
            if not slot.serves:
                return  # it has died, and is started again
            self._begun.append(slot)
            if not slot.succeed(now):
                self._give_up("a process cannot be started")
                return
        if not self.over:
            self.over = self.complete = True
            log.info("reloaded: all workers have been replaced")

    def ready(self, slot: MemberPlace, now: float) -> None:
        """The successor in `slot` is ready."""
        slot.hand_over(now + self._times.drain + self._times.graceful + STOP_S)

    def failed(self, process: Process, code: int) -> None:
        """A successor ended before it served."""
        self._give_up(f"{process.name} did not become ready: {process.reason or how(code)}")

    def _give_up(self, why: str) -> None:
        done = len(self._begun) - 1
        rest = (
            f"{done} of {len(self._all)} workers are new, the others go on" if done else "the workers go on as they are"
        )
        log.error("the reload is given up: %s; %s", why, rest)
        self.over = True
