"""Every type of message, as Schemathesis bends it, over one WebSocket: first its coverage cases, then random ones.

The schema's verdict on each is the oracle's, whatever Schemathesis meant the case to be: some of its "negative" cases
are valid. A message that is answered wrongly is cut down until nothing more can be left out.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.core import NotSet
from schemathesis.core.result import Ok
from schemathesis.generation.drivers import CoverageGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.overrides import Override

from tidegate.checks.client import Exchange, Line
from tidegate.checks.document import openapi
from tidegate.checks.judge import Judge
from tidegate.checks.oracle import Verdict
from tidegate.checks.shrink import smallest
from tidegate.schema import Schemas

LARGEST = 65_536
"""Bytes: a longer message ends the connection, by the protocol."""
ROWS_KEPT = 200
"""Rows that are created before some are deleted again, so that answers stay short."""
FEW = 12
"""Coverage cases that every operation has, whatever the time."""
ROUND = 12
"""Random cases of one operation and mode before the next one's turn."""
COVERAGE_SHARE = 2 / 3
SHRINKING_S = 5.0


@dataclass(frozen=True, slots=True)
class Violation:
    """A message that was answered against the contract, as small as it could be made, and what was wrong."""

    payload: bytes
    faults: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """The numbers of a run."""

    cases: int = 0
    accepted: int = 0
    refused: int = 0
    by_operation: dict[str, int] = field(default_factory=dict)
    replies: dict[str, int] = field(default_factory=dict)
    """How often each type of reply, or code of error, came."""
    violations: list[Violation] = field(default_factory=list)


class Campaign:
    """One run over one connection.

    `only` are the operations to try, by the beginning of their paths; `shrinking` the seconds that may be spent on
    making a violation smaller.
    """

    def __init__(
        self,
        schemas: Schemas,
        line: Line,
        judge: Judge,
        start: int = 0,
        only: tuple[str, ...] = ("/",),
        shrinking: float = SHRINKING_S,
    ) -> None:
        self.tally = Tally()
        self._schemas = schemas
        self._line = line
        self._judge = judge
        self._start = start
        self._shrinking = shrinking
        self._created = 0
        document = schemathesis.openapi.from_dict(openapi(schemas, existing_keys(line, schemas)))
        document.config.generation.update(modes=list(GenerationMode))
        found: list[Any] = [result.ok() for result in document.get_all_operations() if isinstance(result, Ok)]
        self._operations = [operation for operation in found if operation.path.startswith(only)]
        random.Random(start).shuffle(self._operations)  # noqa: S311  # an order, no secret
        self._document = document

    def run(self, budget: float, progress: Callable[[str], None] = lambda text: None) -> Tally:
        """Coverage cases, then random ones, until `budget` seconds are over or something was wrong.

        A budget that is too short for all coverage cases leaves a third of it for the random ones, and every operation
        has its share of the rest, and a few cases in any case.
        """
        deadline = time.monotonic() + budget
        self._cover(time.monotonic() + budget * COVERAGE_SHARE, progress)
        turn = self._start
        while not self.tally.violations and time.monotonic() < deadline:
            for operation in self._operations:
                for mode in GenerationMode:
                    self._fuzz(operation, mode, turn)
                if self.tally.violations or time.monotonic() > deadline:
                    break
            turn += 1
            progress(f"random: {self.tally.cases} cases, {self.tally.accepted} accepted, {self.tally.refused} refused")
        return self.tally

    def _cover(self, deadline: float, progress: Callable[[str], None]) -> None:
        cut_short = 0
        for done, operation in enumerate(self._operations):
            until = time.monotonic() + (deadline - time.monotonic()) / (len(self._operations) - done)
            # In turns, so that a share of time that is too short is spent on both.
            waiting = [self._coverage(operation, mode) for mode in GenerationMode]
            least = self.tally.cases + FEW
            while waiting and (time.monotonic() < until or self.tally.cases < least):
                cases = waiting.pop(0)
                if (case := next(cases, None)) is not None:
                    waiting.append(cases)
                    self._try(operation.path, case)
                if self.tally.violations:
                    return
            cut_short += bool(waiting)
            progress(f"coverage so far: {done + 1} of {len(self._operations)} operations, {self.tally.cases} cases")
        some = f", {cut_short} of them cut short for lack of time" if cut_short else ""
        progress(f"coverage: {self.tally.cases} cases of {len(self._operations)} operations{some}")

    def check(self, payload: bytes) -> tuple[Verdict, Exchange, list[str]]:
        """Say one message; what the schema says of it, what came, and what was wrong with that."""
        exchange = self._line.exchange(payload)
        verdict, faults = self._judge.faults(payload, exchange)
        return verdict, exchange, faults

    def _coverage(self, operation: Any, mode: GenerationMode) -> Iterator[Case[Any]]:
        generation = self._document.config.generation_for(operation=operation, phase="coverage")
        cases = CoverageGenerator(
            operation=operation,
            generation_modes=[mode],
            generation_config=generation,
            auth_storage=None,
            override=Override(),
            feedback=NO_FEEDBACK,
        )
        return (case for case in cases if case.method == "POST")

    def _fuzz(self, operation: Any, mode: GenerationMode, turn: int) -> None:
        @seed(turn)
        @settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def trial(case: Case[Any]) -> None:
            if not self.tally.violations:
                self._try(operation.path, case)

        trial()

    def _try(self, path: str, case: Case[Any]) -> None:
        payload = _payload(case.body)
        if payload is None or len(payload) >= LARGEST:
            return
        verdict, exchange, faults = self.check(payload)
        if not faults and _code(exchange) == "not_joined":
            self._line.ask({"type": "join", "room": (verdict.message or {})["room"], "presence": "none"})
            verdict, exchange, faults = self.check(payload)
        tally = self.tally
        tally.cases += 1
        tally.accepted += verdict.accepted
        tally.refused += not verdict.accepted
        tally.by_operation[path] = tally.by_operation.get(path, 0) + 1
        kind = _code(exchange)
        tally.replies[kind] = tally.replies.get(kind, 0) + 1
        if faults:
            tally.violations.append(self._smallest(payload, faults))
        elif kind == "rows" and path.startswith("/create"):
            self._tidy(len((exchange.reply or {})["rows"]))

    def _smallest(self, payload: bytes, faults: list[str]) -> Violation:
        known = {payload: tuple(faults)}

        def fails(smaller: bytes) -> bool:
            known[smaller] = tuple(self.check(smaller)[2])
            return bool(known[smaller])

        found = smallest(payload, fails, time.monotonic() + self._shrinking)
        return Violation(found, known[found])

    def _tidy(self, created: int) -> None:
        """Delete rows now and then, where that is allowed: lists of thousands of rows tell nothing more."""
        self._created += created
        if self._created < ROWS_KEPT:
            return
        self._created = 0
        for resource in reversed(self._schemas.resources.values()):
            rows = self._line.ask({"type": "list", "resource": resource.name, "limit": 1000}).get("rows", [])
            keys = [_key(row, resource.key) for row in rows[20:]]
            if keys:
                self._line.ask({"type": "delete", "resource": resource.name, "ids": keys})


def existing_keys(line: Line, schemas: Schemas) -> dict[str, list[Any]]:
    """Keys of rows that exist, by resource."""
    found: dict[str, list[Any]] = {}
    for name, resource in schemas.resources.items():
        answer = line.ask({"type": "list", "resource": name, "limit": 20})
        found[name] = [_key(row, resource.key) for row in answer.get("rows", ())]
    return found


def _key(row: dict[str, Any], key: tuple[str, ...]) -> Any:
    return row[key[0]] if len(key) == 1 else {name: row[name] for name in key}


def _code(exchange: Exchange) -> str:
    """The reply's type, the error's code, or `nothing`."""
    reply = exchange.reply or {"type": "nothing"}
    found: str = reply["code"] if reply["type"] == "error" else reply["type"]
    return found


def _payload(body: Any) -> bytes | None:
    """What travels for a case's body; None for a body that is not there."""
    if isinstance(body, NotSet):
        return None
    return body if isinstance(body, bytes) else json.dumps(body).encode()
