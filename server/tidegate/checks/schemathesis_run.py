"""Runs Schemathesis, with its built-in checks and its state machine, against the bridge.

Each failure that Schemathesis reports is a fault of the gateway: the document describes exactly what the gateway
accepts, and the bridge maps each answer to its HTTP status.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NotSet
from schemathesis.core.errors import UnsupportedRegexPattern
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from tidegate.checks.bridge import Bridge

CASES_A_ROUND, WALKS_A_ROUND = 5, 10
"""Cases for one operation, and walks of the state machine, before Schemathesis goes on to the next."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that failed."""

    check: str
    address: str
    body: str
    text: str


@dataclass(slots=True)
class SchemathesisTally:
    """The numbers of a run. `steps`: cases by phase. `followed`: how often each link was followed, by name."""

    steps: dict[str, int] = field(default_factory=dict)
    followed: dict[str, int] = field(default_factory=dict)
    checks: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Errors of Schemathesis itself."""


def run(
    bridge: Bridge,
    budget: float | None,
    start: int,
    phases: tuple[str, ...] = ("coverage", "fuzzing", "stateful"),
    cases: int = CASES_A_ROUND,
    progress: Callable[[str], None] = lambda text: None,
) -> SchemathesisTally:
    """Run for `budget` seconds, which Schemathesis divides among the phases. Without a budget, run each phase once."""
    config = SchemathesisConfig(max_time=None if budget is None else max(1, round(budget)), seed=start)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", bridge, config=config)
    schema.config.generation.update(modes=list(GenerationMode), max_examples=cases, database="none")
    # Valid messages only: a walk goes on after a successful answer. The other phases send invalid messages.
    schema.config.phases.stateful.generation.update(modes=[GenerationMode.POSITIVE], max_examples=WALKS_A_ROUND)
    schema.config.phases.update(phases=list(phases))
    tally = SchemathesisTally()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(tally, event.phase.value, event.recorder)
        elif isinstance(event, events.Interrupted):
            raise KeyboardInterrupt  # the engine has caught it
        elif isinstance(event, events.NonFatalError) and isinstance(event.value, UnsupportedRegexPattern):
            progress(f"no random cases of {event.label}: {event.info.message}")
        elif isinstance(event, events.NonFatalError):
            tally.errors.append(f"{event.label}: {event.info.message}")
        elif isinstance(event, events.FatalError):
            tally.errors.append(repr(event.exception))
        elif isinstance(event, events.PhaseFinished) and event.phase.name.value in tally.steps:
            progress(f"{event.phase.name.value}: {tally.steps[event.phase.name.value]} steps")
    return tally


def _count(tally: SchemathesisTally, phase: str, recorder: ScenarioRecorder) -> None:
    tally.steps[phase] = tally.steps.get(phase, 0) + len(recorder.cases)
    for node in recorder.cases.values():
        if node.transition is not None and node.is_transition_applied:
            name = node.transition.id
            tally.followed[name] = tally.followed.get(name, 0) + 1
    for case_id, checks in recorder.checks.items():
        for check in checks:
            tally.checks[check.name] = tally.checks.get(check.name, 0) + 1
            if check.status == Status.FAILURE and check.failure_info is not None:
                case = recorder.cases[case_id].value
                text = " ".join(str(check.failure_info.failure).split())
                tally.failures.append(Failure(check.name, f"{case.method} {case.path}", _shown(case.body), text))


def _shown(body: Any) -> str:
    if isinstance(body, NotSet):
        return ""
    return repr(body) if isinstance(body, bytes) else json.dumps(body)
