"""Brings the database of `tidegate dev` to where the schema needs it, and asks before anything that needs a yes.

Three things need a yes: a manual migration, adding anything to a database with tables of other programs, and setting a
database aside to start over. The last is offered only for a database that `tidegate dev` created.
Invariant: sample rows go only into a database that this run created.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.cli.development.terminal import Terminal
from tidegate.cli.migrate import progress_on_terminal, sample_rows
from tidegate.config import ConfigError, Settings
from tidegate.contract import Resource
from tidegate.store import StoreError, backends, development
from tidegate.store.errors import NeedsManualMigration
from tidegate.store.migration import files
from tidegate.store.migration.plan import RUN

STEPS_SHOWN = 8
WIDTH = 110
TRIGGER = re.compile(r'CREATE (?:CONSTRAINT )?TRIGGER .*? ON ("(?:[^"]|"")+"|\S+)', re.DOTALL).match
ENABLED = re.compile(r"(ALTER TABLE .* ENABLE ALWAYS TRIGGER) ").match
FIRST = "give the change log an epoch"
"""Only the first migration of a database has this step."""
OF_CHANGE_LOG = (
    *("install ", "replace ", "enable ", "remove trigger ", "note table ", "note columns of ", "give the change log "),
    *("create table tidegate_", "create _tidegate", "create schema _tidegate"),
)
"""The names of steps that concern only the change log and its triggers begin with one of these."""


class Problem(Exception):
    """The files cannot be served as they are; the text says why. Another save may repair it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done to the database."""

    settings: Settings
    resources: Mapping[str, Resource]
    start_over: bool = False
    """The database is to be set aside first."""

    @property
    def url(self) -> str:
        return self.settings.database

    @property
    def migrations(self) -> Path:
        return Path(self.settings.schema or "schema") / "migrations"


class Database:
    """The database of one run of `tidegate dev`."""

    def __init__(self, terminal: Terminal, command: Callable[[str], str], changed: Callable[[], bool]) -> None:
        """`command` adds this run's options to a `tidegate` command; `changed`: whether the user saved a file."""
        self._terminal = terminal
        self._command = command
        self._changed = changed
        self._created: set[str] = set()

    def plan(self, settings: Settings, resources: Mapping[str, Resource]) -> Plan:
        """Find out what is to be done, and ask. Raises Problem, GivenUp, and ConfigError without a yes."""
        plan = Plan(settings, resources)
        try:
            if not development.exists(plan.url):
                return plan
            steps = backends.migrations(plan.url).planned(plan.url, resources, plan.migrations)
            self._ask_for_manual([step.name for step in steps], plan)
            if steps and (others := development.tables_of_others(plan.url)):
                self._ask_for_adding(plan, others)
        except NeedsManualMigration as error:
            return self.start_over(plan, error)
        except StoreError as error:
            raise ConfigError(str(error)) from None
        return plan

    def apply(self, plan: Plan) -> list[str]:
        """Set aside, create, migrate and seed as planned; returns what was done.

        Raises Problem, and NeedsManualMigration where rows break a rule; then nothing was changed.
        """
        done = []
        try:
            if plan.start_over:
                done.append(f"{backends.shown(plan.url)} is now {development.set_aside(plan.url)}")
            if not development.exists(plan.url):
                self._created.add(plan.url)
            progress = progress_on_terminal()
            steps = backends.migrations(plan.url).apply(plan.url, plan.resources, plan.migrations, progress)
        except NeedsManualMigration:
            raise
        except StoreError as error:
            raise Problem(str(error)) from None
        if plan.url in self._created:
            self._created.discard(plan.url)
            return [*done, f"created {backends.shown(plan.url)}", *self._seed(plan)]
        return [*done, *_shortened(steps), *self._hint(plan, steps)]

    def start_over(self, plan: Plan, error: NeedsManualMigration) -> Plan:
        """Offer to set the database aside. Raises Problem with the text of `error` where the user says no."""
        if not development.made_by_dev(plan.url):
            raise Problem(str(error)) from None
        if not self._terminal.interactive:
            file = plan.url.removeprefix("sqlite:///")
            raise Problem(
                f"{error}\nOr start over with the sample rows: end `tidegate dev`, move {file} and {file}-* "
                f"elsewhere, and type: {self._command('dev')}"
            ) from None
        self._terminal.say(
            f"{error}\nOr start over: the database gets another name, and a new one gets the sample rows."
        )
        if not self._terminal.confirm(f"Set {plan.url} aside and start over?", self._changed):
            raise Problem("The database is as it was.") from None
        return Plan(plan.settings, plan.resources, start_over=True)

    def _seed(self, plan: Plan) -> list[str]:
        try:
            development.note_made_by_dev(plan.url)
            if not (self._folder(plan) / "seed.json").is_file():
                return []
            counts = backends.seed(plan.url, plan.resources, sample_rows(plan.settings))
        except (StoreError, ConfigError) as error:
            return [f"no sample rows: {error}; correct the file and type: {self._command('migrate --seed')}"]
        return [f"{count} sample row{'s' * (count != 1)} in {name}" for name, count in counts.items()]

    def _hint(self, plan: Plan, steps: list[str]) -> list[str]:
        """What to type for sample rows, after the first migration of an existing database."""
        if FIRST not in steps or not (self._folder(plan) / "seed.json").is_file():
            return []
        return [
            f"no sample rows, because the database existed already (to add them: {self._command('migrate --seed')})"
        ]

    def _folder(self, plan: Plan) -> Path:
        return plan.migrations.parent

    def _ask_for_manual(self, steps: Sequence[str], plan: Plan) -> None:
        for name in (step.removeprefix(RUN) for step in steps if step.startswith(RUN)):
            path = plan.migrations / f"{name}.py"
            if files.is_empty(path):
                raise Problem(f"{path} does nothing yet: fill in `up`, and save")
            self._need_yes(
                f"{path} was not run yet. A manual migration may delete values.",
                f"Run it on {backends.shown(plan.url)}?",
                f"{path} was not run",
            )

    def _ask_for_adding(self, plan: Plan, others: list[str]) -> None:
        statements = backends.migrations(plan.url).statements(plan.url, plan.resources, plan.migrations)
        name = backends.shown(plan.url)
        lines = "\n  ".join(_heads(statements))
        self._need_yes(
            f"{name} has tables that Tidegate did not make: {_listed(others)}.\n"
            f"To serve it, Tidegate adds what follows ({self._command('migrate --sql')} prints all of it):\n  {lines}",
            f"Add it to {name}?",
            f"nothing was added to {name}",
        )

    def _need_yes(self, facts: str, question: str, otherwise: str) -> None:
        """Raises ConfigError without a yes."""
        self._terminal.say(facts)
        if self._terminal.yes:
            return
        if not self._terminal.interactive:
            raise ConfigError(
                f"{otherwise}: without a terminal dev does not ask. Type:\n"
                f"  {self._command('migrate')}\n  {self._command('dev')}\nor say yes in advance: "
                f"{self._command('dev')} --yes"
            )
        if not self._terminal.confirm(question, self._changed):
            raise ConfigError(otherwise)


def _heads(statements: Sequence[str]) -> list[str]:
    """The first line of each statement, and one line for all triggers of a table."""
    heads = Counter(_head(sql) for sql in statements)
    return [head if count == 1 else f"{head}  ({count} triggers)" for head, count in heads.items()]


def _head(sql: str) -> str:
    if found := TRIGGER(sql):
        return f"CREATE TRIGGER … ON {found[1]}"
    if found := ENABLED(sql):
        return f"{found[1]} …"
    line = sql.splitlines()[0].removesuffix(" (").removesuffix("(")
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:STEPS_SHOWN])
    return shown if len(names) <= STEPS_SHOWN else f"{shown} and {len(names) - STEPS_SHOWN} more"


def _shortened(steps: list[str]) -> list[str]:
    """The steps, with all steps for the change log as one."""
    others = [step for step in steps if not step.startswith(OF_CHANGE_LOG)]
    return [*others, "change log and triggers"] if len(others) < len(steps) else others
