"""The steps of a migration, and the loop that takes steps until the plan is empty.

A database compares its tables with the schema and returns what differs as steps. This module knows no database, no SQL
and no schema.
Invariant: a migration ends with an empty plan or fails; it never takes a step twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from tidegate.store.errors import StoreError, Unmigrated

RUN = "run migration "
"""The name of a step that runs a manual migration begins with it."""
TAKE_BACK = "take back migration "
"""The name of a step that takes a manual migration back begins with it."""
DEFINITIONS = ("CREATE ", "ALTER ", "DROP ")
"""SQL that changes definitions begins with one of them."""
NAMED = 3
"""How many missing steps an error names; it counts the others."""


class Step(msgspec.Struct, frozen=True):
    """One thing that a migration does."""

    name: str
    why: str
    run: Callable[[], object]
    statements: tuple[str, ...] = ()
    """The step's SQL, where it is known before the step runs."""
    copies: str | None = None
    """The table whose rows the step copies."""
    moves_references: bool = False
    """Rows may refer to missing rows after the step, so that the migration has to check references."""
    locks: Mapping[str, str] = {}
    """The tables that were there before and that the step locks, as SQL names, with the mode of each lock. Only for
    databases that lock tables."""
    independent: bool = False
    """The other steps of the same plan stay as they are when this one is done."""


class PlannedStep(msgspec.Struct, frozen=True):
    """A step in words, for an operator."""

    name: str
    why: str
    rows: int | None = None
    """The number of rows to copy; None for a step that copies no table."""

    def __str__(self) -> str:
        copied = "" if self.rows is None else f" ({self.rows} rows are copied)"
        return f"{self.name}: {self.why}{copied}"


Planner = Callable[[Sequence[str]], Sequence[Step]]
"""Plans what is left to do. Its argument holds the names of the steps that this migration has already taken."""


def take_steps(
    steps: Sequence[Step],
    plan_rest: Planner,
    failures: tuple[type[Exception], ...],
    *,
    manual: bool = True,
    check: bool = True,
    on_step: Callable[[int, int], object] = lambda done, known: None,
) -> list[str]:
    """Take `steps`, then plan and take the rest until the plan is empty; returns the names of all steps in order.

    After a step that is not independent the rest is planned again, because the step may change what the next ones see.
    `check=False`: trust that steps which are all independent leave nothing to do. `on_step` is told how many steps are
    done, of how many that are known.
    `manual=False`: end before the first manual migration. Raises StoreError where a step raises one of `failures`.
    """
    done: list[str] = []
    while steps:
        known = len(done) + len(steps)
        for step in steps:
            if not manual and step.name.startswith(RUN):
                return done
            if step.name in done:
                raise StoreError(f"the migration does not come to an end at: {step.name}")
            _take(step, failures)
            done.append(step.name)
            on_step(len(done), known)
            if not step.independent:
                break
        else:
            if not check:
                return done
        steps = plan_rest(done)
    return done


def _take(step: Step, failures: tuple[type[Exception], ...]) -> None:
    try:
        step.run()
    except failures as error:
        raise StoreError(f"the migration failed and nothing was changed: {step.name}: {str(error).strip()}") from error


def refuse_to_serve(database: str, missing: Sequence[str], url: str) -> None:
    """Raises Unmigrated if anything is missing. `database` names it for a person, `url` is what to type for it."""
    if missing:
        more = f"; and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise Unmigrated(
            f"the database {database} is not ready: {'; '.join(missing[:NAMED])}{more}"
            f"; type: tidegate migrate --database {url}"
        )


def in_words(steps: Iterable[Step]) -> list[str]:
    """Each step with its reason, as `refuse_to_serve` names it."""
    return [f"{step.name} ({step.why})" for step in steps]
