"""A place of the supervisor, in which one member after the other serves: a worker's slot, or the hub's.

It starts the first member and those that replace one that died, the more slowly the more often it dies. At a reload a
slot has a successor beside its worker, and workers that are leaving.
Invariant: every process that was started here is in `processes` until it was reaped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from tidegate.workers.spawning import Process
from tidegate.workers.times import LATE_S, QUIET_S, wait_after

log = logging.getLogger("tidegate.workers")


class MemberPlace:
    """One place. `start` starts a process for it; raises OSError."""

    def __init__(self, name: str, start: Callable[[float], Process]) -> None:
        self.name = name
        self.present: Process | None = None
        """Who serves, or will once it is ready."""
        self.successor: Process | None = None
        self.leaving: list[Process] = []
        self.deaths: list[float] = []
        """When a member died here that was not to end, lately."""
        self._start = start
        self._again_at = 0.0

    @property
    def processes(self) -> Iterator[Process]:
        yield from (each for each in (self.present, self.successor) if each is not None)
        yield from self.leaving

    @property
    def serves(self) -> bool:
        return self.present is not None and self.present.state == "ready"

    def answers(self, now: float) -> bool:
        """Whether its sockets have a worker that accepts from them."""
        return self.present is not None and self.present.state == "ready" and now - self.present.heard < LATE_S

    def fill(self, now: float) -> None:
        """Start a member if there is none, and it is time to."""
        if self.present is None and self.successor is None and now >= self._again_at:
            self.present = self._started(now)

    def succeed(self, now: float) -> bool:
        """Start a successor of the present member. Returns whether it was started."""
        self.successor = self._started(now)
        return self.successor is not None

    def hand_over(self, kill_at: float) -> None:
        """The successor is ready: it serves, and the member before it leaves."""
        before, self.present, self.successor = self.present, self.successor, None
        if before is not None:
            before.retire(kill_at)
            self.leaving.append(before)

    def ended(self, process: Process, code: int, now: float, *, again: bool) -> None:
        """One of the processes was reaped. `again`: another one is to be started for one that died."""
        process.close()
        if process is self.present:
            self.present = None
            if process.state != "leaving":
                self._died(process, code, now, again=again)
        elif process is self.successor:
            self.successor = None
        else:
            self.leaving.remove(process)
            if code:
                log.warning("%s did not end in order: %s", process.name, how(code))

    def _died(self, process: Process, code: int, now: float, *, again: bool) -> None:
        self.deaths = [each for each in self.deaths if now - each < QUIET_S] + [now]
        wait = wait_after(self.deaths, now)
        self._again_at = now + wait
        why = f": {process.reason}" if process.reason else ""
        when = f"in {wait:g} s" if wait else "at once"
        then = f"; another one is started {when}" if again else ""
        log.error("%s has ended: %s%s%s", process.name, how(code), why, then)

    def _started(self, now: float) -> Process | None:
        try:
            process = self._start(now)
        except OSError as error:
            self.deaths.append(now)
            self._again_at = now + max(1.0, wait_after(self.deaths, now))
            log.error("the %s cannot be started: %s", self.name, error.strerror or error)
            return None
        log.debug("%s was started", process.name)
        return process


def how(code: int) -> str:
    """How a process ended, for a log line. `code`: as `subprocess.Popen.returncode`."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
