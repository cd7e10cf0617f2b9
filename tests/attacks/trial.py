"""One attack on one gateway: start, attack, what is left when the attackers have gone, and a control run.

The control run shows what the machine does to an innocent client. It is left out where that was answered at once.

The attackers and the innocent client are separate processes. Invariant: all of them have ended when `Trials.run`
returns.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.attacks.plan import Attack
from tests.attacks.signs import counters, raised, unseen
from tests.attacks.target import (
    Databases,
    Target,
    Usage,
    gateway,
    locked,
    log_lines,
    seconds_to_end,
    wait_until_given_back,
)
from tests.support.gateway import ROOT, clean_environment

GIVEN_BACK_S = 60.0
LEFT, DISK = 24, 64
"""MiB: what may be left of the memory that the gateway's process got, and what an attack may write to the database."""
TIMES_SENT = 4
"""A row that a client sends is also in the change log and in the file before the checkpoint."""
LOG_BYTES = 1 << 14
FILES_LEFT = 8
"""Open files more than before: connections to the database."""
AT_ONCE_MS, TIMES_CONTROL = 50.0, 5
DOOR_MS = 1000.0
STOP_S = 12.0
"""The default of `graceful_stop`, and 2."""


@dataclass
class Outcome:
    """What one attack did. Memory and disk in MiB, times of answers in milliseconds, others in seconds."""

    name: str
    growth: float = 0.0
    left: float = 0.0
    given_back: float = 0.0
    files_left: int = 0
    p99: float = 0.0
    work: float = 0.0
    """The slowest hundredth of what the gateway worked before it answered an innocent client: processor time. It does
    not mind what other programs do."""
    control: float = 0.0
    slowest: float = 0.0
    door: float = 0.0
    disk: float = 0.0
    sent: float = 0.0
    stop: float = 0.0
    stopped_by: dict[str, int] = field(default_factory=dict)
    log: dict[str, int] = field(default_factory=dict)
    log_bytes: int = 0
    raised: dict[str, float] = field(default_factory=dict)
    """The counters that the attack has raised, and by how much."""
    failures: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Trials:
    """Runs attacks, each for `seconds`, in folders below `folder`."""

    def __init__(
        self, folder: Path, seconds: float, *, defended: bool, patience: float = GIVEN_BACK_S, times: bool = True
    ) -> None:
        """`times`: whether an innocent client's times are judged, which may need a control run."""
        self._folder, self._seconds, self._defended, self._patience = folder, seconds, defended, patience
        self._times = times
        self._databases = Databases(folder)

    def close(self) -> None:
        self._databases.close()

    def run(self, attack: Attack) -> Outcome:
        folder = self._folder / attack.name
        folder.mkdir()
        with self._databases.lent(attack, folder) as url:
            process = gateway(folder, url, attack, defended=self._defended)
            process.start()
            try:
                outcome = self._attack(attack, process, Usage(process.pid, folder), url)
                if self._defended or attack.stopped:
                    with locked(url, attack.lock if attack.stopped else ""), still_attacked(attack, process.port):
                        outcome.stop = seconds_to_end(process.pid, STOP_S + 8)
            finally:
                process.kill()
        outcome.wrong = costs(attack, outcome, self._seconds)
        if self._defended:
            outcome.wrong += unseen(attack.name, outcome.raised)
        if self._times:
            if delays(outcome) and (self._defended or not outcome.wrong):
                outcome.control = self._control(attack)
            outcome.wrong += delays(outcome)
        return outcome

    def _attack(self, attack: Attack, process: Target, usage: Usage, url: str) -> Outcome:
        outcome, log = Outcome(attack.name), process.log_file
        with innocent(process.port, process.pid) as met:
            before = counters(process.operators)
            memory, files, disk, logged = usage.memory(), usage.files(), usage.disk(), log.stat().st_size
            usage.forget_peak()
            with locked(url, attack.lock):
                told = swarm(attack.name, process.port, self._seconds)
            outcome.raised = raised(before, counters(process.operators))
        outcome.stopped_by = told["seen"]
        outcome.sent = told["sent"] / (1 << 20)
        took = answers(met)
        outcome.p99, outcome.slowest = percentile(took), max(took, default=float("inf"))
        outcome.work = percentile(met["worked"])
        places = ("/healthz", "/readyz") if attack.shut else tuple(met["door"])
        outcome.door = max((time for place in places for time in met["door"][place]), default=0.0)
        outcome.failures = dict(Counter(met["failures"]))
        won = not self._defended and usage.peak() - memory > attack.growth
        outcome.given_back, left, opened = wait_until_given_back(
            usage, memory + LEFT, files + FILES_LEFT, 0.0 if won else self._patience
        )
        # Afterwards: the gateway still has what the attackers had sent.
        outcome.growth = usage.peak() - memory
        outcome.left, outcome.files_left = left - memory, opened - files
        outcome.disk = usage.disk() - disk
        with log.open() as lines:
            lines.seek(logged)
            text = lines.read()
        outcome.log, outcome.log_bytes = dict(log_lines(text)), len(text)
        return outcome

    def _control(self, attack: Attack) -> float:
        """What an innocent client of another gateway suffers when the same attackers attack a sink."""
        folder = self._folder / f"{attack.name}-control"
        folder.mkdir()
        with self._databases.lent(attack, folder) as url:
            process = gateway(folder, url, attack, defended=True)
            process.start()
            try:
                with sink() as idle, innocent(process.port, process.pid) as met:
                    swarm(attack.name, idle, min(self._seconds, 2.0))
            finally:
                process.kill()
        return percentile(answers(met))


def costs(attack: Attack, outcome: Outcome, seconds: float) -> list[str]:
    """What the gateway uses, writes and refuses more than it may, whatever the speed of the machine."""
    found = []
    if outcome.growth > attack.growth:
        found.append(f"memory grew by {outcome.growth:.0f} MiB (limit: {attack.growth:.0f})")
    if outcome.left > LEFT:
        found.append(f"{outcome.left:.0f} MiB more after {outcome.given_back:.0f} s (limit: {LEFT})")
    if outcome.files_left > FILES_LEFT:
        found.append(f"{outcome.files_left} files more are open after {outcome.given_back:.0f} s")
    if outcome.disk > (most := DISK + TIMES_SENT * outcome.sent):
        found.append(f"the database grew by {outcome.disk:.0f} MiB (limit: {most:.0f})")
    if outcome.log_bytes > LOG_BYTES:
        found.append(f"{outcome.log_bytes} bytes of log (limit: {LOG_BYTES})")
    allowed = 1 + int((seconds + outcome.given_back) // 60)
    found += [f"{count} log lines: {kind}" for kind, count in outcome.log.items() if count > allowed]
    found += [
        f"{failure} ({count} times)"
        for failure, count in outcome.failures.items()
        if not (attack.shut and failure.startswith("/ws"))
    ]
    return found


def delays(outcome: Outcome) -> list[str]:
    """What took too long for an innocent client, and at the end."""
    found = []
    if outcome.p99 > max(AT_ONCE_MS, TIMES_CONTROL * outcome.control):
        found.append(f"an innocent client waited {outcome.p99:.0f} ms (p99)")
    if outcome.door > max(DOOR_MS, TIMES_CONTROL * outcome.control):
        found.append(f"coming in took {outcome.door:.0f} ms (limit: {DOOR_MS:.0f})")
    if outcome.stop > STOP_S:
        found.append(f"the stop took {outcome.stop:.0f} s (limit: {STOP_S:.0f})")
    return found


def answers(met: dict[str, Any]) -> list[float]:
    return [took for kind in met["took"].values() for took in kind]


def percentile(values: list[float], share: float = 0.99) -> float:
    """The smallest value that this share of the values does not exceed; nothing was answered at all: infinity."""
    if not values:
        return float("inf")
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _program(name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.attacks.{name}", *arguments],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _last_line(program: subprocess.Popen[str], timeout: float) -> dict[str, Any]:
    """End the input of `program`, and read what it tells at its end."""
    try:
        output, _ = program.communicate(timeout=timeout)
    finally:
        program.kill()
        program.wait()
    told: dict[str, Any] = json.loads(output.splitlines()[-1])
    return told


def swarm(name: str, port: int, seconds: float) -> dict[str, Any]:
    """The attackers come, attack for `seconds`, and leave. Returns what they saw."""
    return _last_line(_program("swarm", name, str(port), str(seconds)), seconds + 60)


@contextmanager
def still_attacked(attack: Attack, port: int) -> Iterator[None]:
    """The attackers are there when the block begins, if the attack says so, and gone when it has ended."""
    if not attack.stopped:
        yield
        return
    program = _program("swarm", attack.name, str(port), "60", "early")
    assert program.stdout is not None
    try:
        program.stdout.readline()
        yield
    finally:
        program.kill()
        program.communicate()


@contextmanager
def sink() -> Iterator[int]:
    """The port of a server that throws away what it gets."""
    program = _program("sink")
    assert program.stdout is not None
    try:
        yield int(program.stdout.readline())
    finally:
        program.kill()
        program.communicate()


@contextmanager
def innocent(port: int, pid: int) -> Iterator[dict[str, Any]]:
    """An innocent client of the gateway with this process until the block ends; the block gets what it met, once it has
    ended.
    """
    program = _program("innocent", str(port), str(pid))
    assert program.stdout is not None
    met: dict[str, Any] = {}
    try:
        assert program.stdout.readline() == "ready\n", "the innocent client could not connect"
        yield met
        met.update(_last_line(program, 60))
    finally:
        if program.poll() is None:
            program.kill()
            program.communicate()
