"""Two databases made alike: one with Tidegate's log and triggers, one untouched. Each step runs on both.

Invariant: a step after which a program could tell the two apart raises Difference, with what it takes to do it again.
"""

from __future__ import annotations

from typing import Any, NoReturn, Protocol

from tests.twin.statements import Action, Difference, Outcome, Statement, Step


class Side(Protocol):
    """One database of a pair."""

    def run(self, statement: Statement) -> Outcome: ...

    def select(self, sql: str) -> list[tuple[Any, ...]]: ...

    def content(self) -> dict[str, list[tuple[Any, ...]]]: ...

    def wake(self) -> None: ...

    def restart_sessions(self) -> None: ...

    def close(self) -> None: ...


class Pair:
    """Compares what the two sides answer, and keeps the steps."""

    def __init__(self, database: str, shared: Side, untouched: Side) -> None:
        self.database = database
        self.shared, self.untouched = shared, untouched
        self.steps: list[str] = []
        self.compared = self.refused = 0

    def take(self, step: Step) -> None:
        """Raises Difference."""
        self.steps.append(str(step))
        if isinstance(step, Action):
            answers = [str(getattr(side, step.name)(*step.arguments)) for side in (self.shared, self.untouched)]
            if answers[0] != answers[1]:
                self.differ(f"{step}: with Tidegate {answers[0]}, without {answers[1]}")
            return
        there, here = self.shared.run(step), self.untouched.run(step)
        self.compared += 1
        self.refused += bool(here.error)
        if there != here and not step.unequal:
            self.differ("\n".join(_unequal(there, here)))

    def compare_content(self) -> None:
        """Raises Difference where tables or rows differ."""
        there, here = self.shared.content(), self.untouched.content()
        for name in sorted(there.keys() | here.keys()):
            if (there.get(name) or []) != (here.get(name) or []):
                self.differ(f"{name}: with Tidegate {_short(there.get(name))}, without {_short(here.get(name))}")

    def differ(self, what: str) -> NoReturn:
        steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(self.steps, 1))
        raise Difference(f"{what}\nafter these steps:\n{steps}")

    def close(self) -> None:
        self.shared.close()
        self.untouched.close()


def _unequal(there: Outcome, here: Outcome) -> list[str]:
    return [
        f"{name}: with Tidegate {_short(one)}, without {_short(other)}"
        for name, one, other in zip(Outcome._fields, there, here, strict=True)
        if one != other
    ]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 1500 else f"{text[:1500]} ..."
