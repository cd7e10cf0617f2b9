"""Fuzzes a gateway: sends messages that Schemathesis generates over one WebSocket and judges each answer.

Each operation gets its coverage cases first, then random ones. The oracle decides whether a message is valid, not the
label that Schemathesis gives to the case: some of its "negative" cases are valid. A message with a wrong answer is
reduced to the smallest one that still gets a wrong answer.
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
from schemathesis.core.errors import UnsupportedRegexPattern
from schemathesis.core.result import Ok
from schemathesis.generation.drivers import CoverageGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.overrides import Override

from tidegate.checks.client import CheckClient, Exchange
from tidegate.checks.document import openapi
from tidegate.checks.judge import Judge
from tidegate.checks.oracle import Verdict
from tidegate.checks.shrink import shrink
from tidegate.schema import Schemas

MAX_MESSAGE_BYTES = 65_536
"""A longer message ends the connection, by the protocol."""
ROWS_BEFORE_CLEANUP = 200
"""When the fuzzer has created this many rows, it deletes rows, so that answers stay short."""
LEAST_COVERAGE_CASES = 12
"""The coverage cases that each operation gets even if the time is short."""
RANDOM_CASES_A_TURN = 12
"""Random cases of one operation and mode before the next operation has its turn."""
COVERAGE_SHARE = 2 / 3
SHRINKING_S = 5.0


@dataclass(frozen=True, slots=True)
class Violation:
    """A message that the gateway answered against the contract, reduced in size, and what was wrong."""

    payload: bytes
    faults: tuple[str, ...]


@dataclass(slots=True)
class FuzzTally:
    """The numbers of a run."""

    cases: int = 0
    accepted: int = 0
    refused: int = 0
    by_operation: dict[str, int] = field(default_factory=dict)
    replies: dict[str, int] = field(default_factory=dict)
    """The number of replies by type, and of errors by code."""
    violations: list[Violation] = field(default_factory=list)


class Fuzzer:
    """One run over one connection.

    `only`: path prefixes of the operations to try. `shrinking`: seconds that the run may spend on making a violation
    smaller.
    """

    def __init__(
        self,
        schemas: Schemas,
        client: CheckClient,
        judge: Judge,
        start: int = 0,
        only: tuple[str, ...] = ("/",),
        shrinking: float = SHRINKING_S,
    ) -> None:
        self.tally = FuzzTally()
        self._schemas = schemas
        self._client = client
        self._judge = judge
        self._start = start
        self._shrinking = shrinking
        self._created = 0
        document = schemathesis.openapi.from_dict(openapi(schemas, existing_keys(client, schemas)))
        document.config.generation.update(modes=list(GenerationMode))
        found: list[Any] = [result.ok() for result in document.get_all_operations() if isinstance(result, Ok)]
        self._operations = [operation for operation in found if operation.path.startswith(only)]
        random.Random(start).shuffle(self._operations)  # noqa: S311  # an order, no secret
        self._document = document

    def run(self, budget: float, progress: Callable[[str], None] = lambda text: None) -> FuzzTally:
        """Send coverage cases, then random ones, until `budget` seconds are over or there is a violation.

        If the budget is too short for all coverage cases, a third of it remains for the random ones. The operations
        share the rest, and each gets a few cases.
        """
        deadline = time.monotonic() + budget
        self._cover(time.monotonic() + budget * COVERAGE_SHARE, progress)
        turn = self._start
        while not self.tally.violations and time.monotonic() < deadline:
            for operation in self._operations:
                self.invent(operation, turn, progress)
                if self.tally.violations or time.monotonic() > deadline:
                    break
            turn += 1
            progress(f"random: {self.tally.cases} cases, {self.tally.accepted} accepted, {self.tally.refused} refused")
        return self.tally

    def _cover(self, deadline: float, progress: Callable[[str], None]) -> None:
        cut_short = 0
        for done, operation in enumerate(self._operations):
            until = time.monotonic() + (deadline - time.monotonic()) / (len(self._operations) - done)
            # The modes take turns, so that both get cases if the time is short.
            waiting = [self._coverage(operation, mode) for mode in GenerationMode]
            least = self.tally.cases + LEAST_COVERAGE_CASES
            while waiting and (time.monotonic() < until or self.tally.cases < least):
                cases = waiting.pop(0)
                if (case := next(cases, None)) is not None:
                    waiting.append(cases)
                    self._try(operation.path, case)
                if self.tally.violations:
                    return
            cut_short += bool(waiting)
            progress(f"coverage so far: {done + 1} of {len(self._operations)} operations, {self.tally.cases} cases")
        not_complete = f", {cut_short} of them not completely for lack of time" if cut_short else ""
        progress(f"coverage: {self.tally.cases} cases of {len(self._operations)} operations{not_complete}")

    def check(self, payload: bytes) -> tuple[Verdict, Exchange, list[str]]:
        """Send one message. Returns the verdict of the schema, the gateway's answer and the faults of that answer."""
        payload = self._judge.awaited(payload)
        exchange = self._client.exchange(payload, self._judge.awaited_answer(payload))
        verdict, faults = self._judge.faults(payload, exchange, self._client.ask)
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

    def invent(self, operation: Any, turn: int, progress: Callable[[str], None]) -> None:
        """Send random cases of one operation, valid and invalid ones, where Schemathesis can invent them."""
        for mode in GenerationMode:
            try:
                self._fuzz(operation, mode, turn)
            except UnsupportedRegexPattern as unread:
                progress(f"no random cases of {operation.path}: {unread}")

    def _fuzz(self, operation: Any, mode: GenerationMode, turn: int) -> None:
        @seed(turn)
        @settings(
            max_examples=RANDOM_CASES_A_TURN,
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
        if payload is None or len(payload) >= MAX_MESSAGE_BYTES:
            return
        verdict, exchange, faults = self.check(payload)
        if not faults and _code(exchange) == "not_joined":
            self._client.ask({"type": "join", "room": (verdict.message or {})["room"], "presence": "none"})
            verdict, exchange, faults = self.check(payload)
        tally = self.tally
        tally.cases += 1
        tally.accepted += verdict.accepted
        tally.refused += not verdict.accepted
        tally.by_operation[path] = tally.by_operation.get(path, 0) + 1
        kind = _code(exchange)
        tally.replies[kind] = tally.replies.get(kind, 0) + 1
        if faults:
            tally.violations.append(self._shrunk(payload, faults))
        elif kind == "rows" and path.startswith("/create"):
            self._delete_rows_after(len((exchange.reply or {})["rows"]))

    def _shrunk(self, payload: bytes, faults: list[str]) -> Violation:
        known = {payload: tuple(faults)}

        def fails(smaller: bytes) -> bool:
            known[smaller] = tuple(self.check(smaller)[2])
            return bool(known[smaller])

        found = shrink(payload, fails, time.monotonic() + self._shrinking)
        return Violation(found, known[found])

    def _delete_rows_after(self, created: int) -> None:
        """Delete most rows from time to time, where deletion is allowed: long lists test nothing new."""
        self._created += created
        if self._created < ROWS_BEFORE_CLEANUP:
            return
        self._created = 0
        for resource in reversed(self._schemas.resources.values()):
            rows = self._client.ask({"type": "list", "resource": resource.name, "limit": 1000}).get("rows", [])
            keys = [_key(row, resource.key) for row in rows[20:]]
            if keys:
                self._client.ask({"type": "delete", "resource": resource.name, "ids": keys})


def existing_keys(client: CheckClient, schemas: Schemas) -> dict[str, list[Any]]:
    """Keys of existing rows, by resource."""
    found: dict[str, list[Any]] = {}
    for name, resource in schemas.resources.items():
        answer = client.ask({"type": "list", "resource": name, "limit": 20})
        found[name] = [_key(row, resource.key) for row in answer.get("rows", ())]
    return found


def _key(row: dict[str, Any], key: tuple[str, ...]) -> Any:
    return row[key[0]] if len(key) == 1 else {name: row[name] for name in key}


def _code(exchange: Exchange) -> str:
    """The type of the reply, the code of the error, or "nothing"."""
    reply = exchange.reply or {"type": "nothing"}
    found: str = reply["code"] if reply["type"] == "error" else reply["type"]
    return found


def _payload(body: Any) -> bytes | None:
    """The bytes to send for the body of a case. None if the case has no body."""
    if isinstance(body, NotSet):
        return None
    return body if isinstance(body, bytes) else json.dumps(body).encode()
