"""The supervisor: it starts the hub and the workers, hears them, replaces those that die or freeze, and ends them all.

One thread and no event loop: it sleeps until a signal or a member wakes it, or a moment has passed, looks at
everything, and sleeps again. It serves no client, so nothing that a client does can hold it up.
Invariant: no member is left when `run` returns.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator

from tidegate import systemd
from tidegate.config import ConfigError
from tidegate.workers.common import Common
from tidegate.workers.places import MemberPlace
from tidegate.workers.reload import Reload
from tidegate.workers.spawning import Process
from tidegate.workers.times import AT_START, AT_START_S, AWAY_S, HUB_STOP_S, STOP_S, Times
from tidegate.workers.waking import Waking

log = logging.getLogger("tidegate.workers")

IDLE_S, BUSY_S = 1.0, 0.1
"""How long it sleeps while nothing is under way, and while something is."""
CONFIG_ERROR = 2
"""The exit code of a member with settings that it cannot run with: another one would fail as well."""


class Supervisor:
    """`run` runs it to its end."""

    def __init__(
        self,
        hub: MemberPlace | None,
        slots: list[MemberPlace],
        common: Common,
        times: Times,
        reread: Callable[[], Times],
        serving: Callable[[], None],
        *,
        at_terminal: bool = False,
    ) -> None:
        """`reread`: the times of the settings as they are now; raises ConfigError where these allow no reload.

        `serving`: called once all workers serve. `at_terminal`: SIGHUP says that the terminal was closed.
        """
        self._hub = hub
        self._slots = slots
        self._common = common
        self._times = times
        self._reread = reread
        self._serving = serving
        self._at_terminal = at_terminal
        self._up = False
        """All workers have served at one time."""
        self._stopping = False
        self._code = 0
        self._reload: Reload | None = None
        self._reload_wanted = False

    def run(self) -> int:
        """Serve until a signal. Returns the exit code."""
        alive_every, alive_at = systemd.watchdog_interval() or float("inf"), 0.0
        with Waking((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)) as waking:
            slept_from = time.monotonic()
            while True:
                now = time.monotonic()
                self._hear(now, forgive=now - slept_from > AWAY_S)
                self._reap(now)
                for signum in waking.signals():
                    self._obey(signum, now)
                if self._stopping and not self._end(now):
                    return self._code
                if not self._stopping:
                    self._keep_up(now)
                self._watch(now)
                if alive_every <= now - alive_at:
                    alive_at = now
                    systemd.notify(systemd.WATCHDOG)
                slept_from = time.monotonic()
                channels = [process.channel for _, process in self._processes() if not process.deaf]
                waking.sleep(min(alive_every, IDLE_S if self._quiet() else BUSY_S), channels)

    def _processes(self) -> Iterator[tuple[MemberPlace, Process]]:
        for place in [*([self._hub] if self._hub else []), *self._slots]:
            yield from ((place, process) for process in list(place.processes))

    def _quiet(self) -> bool:
        """Whether nothing has a deadline but beats."""
        settled = all(process.state == "ready" for _, process in self._processes())
        return self._up and not self._stopping and self._reload is None and settled

    # -- members ----------------------------------------------------------------------------------------------------

    def _hear(self, now: float, *, forgive: bool) -> None:
        """`forgive`: this process was suspended; perhaps the members were, too."""
        for place, process in self._processes():
            if process.read(now):
                log.info("%s is ready", process.name)
                if process is place.successor and self._reload is not None:
                    self._reload.ready(place, now)
                self._common.ready(process)
            if forgive:
                process.heard = now

    def _reap(self, now: float) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for place, process in self._processes():
                if process.pid == pid:
                    self._ended(place, process, os.waitstatus_to_exitcode(status), now)

    def _ended(self, place: MemberPlace, process: Process, code: int, now: float) -> None:
        process.read(now)  # what it said before its end
        self._common.ended(process)
        successor, gives_up = process is place.successor, self._gives_up(place, process, code, now)
        place.ended(process, code, now, again=not self._stopping and not gives_up)
        if self._stopping:
            if code and not process.excused:
                self._code = self._code or 1
        elif successor:
            assert self._reload is not None
            self._reload.failed(process, code)
        elif gives_up:
            self._code = CONFIG_ERROR if code == CONFIG_ERROR else 1
            log.error(
                "the start is given up: %s",
                f"the {place.name} cannot start"
                if code == CONFIG_ERROR
                else f"the {place.name} has ended {AT_START} times within {AT_START_S:g} s",
            )
            self._stop(now)

    def _gives_up(self, place: MemberPlace, process: Process, code: int, now: float) -> bool:
        """Whether the start has failed with the end of `process`."""
        if self._up or self._stopping or process is not place.present:
            return False
        lately = sum(now - each < AT_START_S for each in place.deaths)
        return code == CONFIG_ERROR or lately + 1 >= AT_START

    def _watch(self, now: float) -> None:
        """Kill who is late."""
        for _, process in self._processes():
            if process.killed:
                continue
            if process.kill_at is not None:
                if now >= process.kill_at:
                    process.kill("it did not stop in time")
            elif process.state == "starting" and now - process.began >= self._times.start:
                process.kill(f"it was not ready within {self._times.start:g} s")
            elif process.state == "ready" and now - process.heard >= self._times.frozen:
                process.kill(f"its event loop has not turned for {self._times.frozen:g} s")

    def _keep_up(self, now: float) -> None:
        """Start what is missing: the hub before the first worker, and that one before the others."""
        first = self._slots[0]
        if self._hub is not None:
            self._hub.fill(now)
        if self._up or self._hub is None or self._hub.serves:
            first.fill(now)
        if self._up or first.serves:
            for slot in self._slots[1:]:
                slot.fill(now)
        if not self._up and all(slot.serves for slot in self._slots):
            self._up = True
            self._serving()
            systemd.notify(systemd.READY)
        if self._up:
            self._help(now)
        if self._reload is not None:
            self._reload.step(now)
            if self._reload.over:
                self._reloaded(self._reload)
        if self._up and self._reload_wanted and self._reload is None:
            self._begin_reload(now)

    def _help(self, now: float) -> None:
        """Let the workers that answer accept from the sockets of those that do not."""
        vacant = {number for number, slot in enumerate(self._slots, 1) if not slot.answers(now)}
        for slot in self._slots:
            if slot.present is not None and slot.present.state == "ready":
                slot.present.help(vacant if slot.answers(now) else set())

    # -- signals ----------------------------------------------------------------------------------------------------

    def _obey(self, signum: int, now: float) -> None:
        if signum in {signal.SIGTERM, signal.SIGINT} or (signum == signal.SIGHUP and self._at_terminal):
            self._stop(now)
        elif signum == signal.SIGHUP and not self._stopping:
            self._reload_wanted = True

    def _begin_reload(self, now: float) -> None:
        self._reload_wanted = False
        systemd.notify(systemd.reloading())
        try:
            times = self._reread()
        except ConfigError as error:
            log.error("the reload is given up: %s; the workers go on as they are", error)
            systemd.notify(systemd.READY)
            return
        log.info("reloading: the workers are replaced one after the other")
        self._times = times
        self._reload = Reload(self._slots, times)
        self._reload.step(now)

    def _reloaded(self, reload: Reload) -> None:
        self._reload = None
        if reload.complete and self._slots[-1].present is not None:
            self._common.adopt(self._slots[-1].present)
        systemd.notify(systemd.READY)

    def _stop(self, now: float) -> None:
        """The first call lets the workers stop in order, a further one ends their drains."""
        rest = self._times.graceful + STOP_S
        kill_at = now + rest + (0.0 if self._stopping else self._times.drains)
        if not self._stopping:
            self._stopping = True
            log.info("stopping")
            systemd.notify(systemd.STOPPING)
        for slot in self._slots:
            for process in slot.processes:
                process.stop(kill_at)

    def _end(self, now: float) -> bool:
        """End the hub after the workers. Returns whether there is still a member."""
        if any(True for slot in self._slots for _ in slot.processes):
            return True
        hubs = list(self._hub.processes) if self._hub is not None else []
        for process in hubs:
            if process.kill_at is None:
                process.stop(now + HUB_STOP_S)
        return bool(hubs)
