"""The loop that takes the steps of a migration, with steps of no database."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tidegate.store.errors import StoreError, Unmigrated
from tidegate.store.migration.plan import RUN, PlannedStep, Step, in_words, refuse_to_serve, take_steps


class Work:
    """A list of things to do, each of which is a step until it was done."""

    def __init__(self, *names: str, independent: Sequence[str] = ()) -> None:
        self.left = list(names)
        self.plans = 0
        self._independent = independent

    def plan(self, done: Sequence[str] = ()) -> list[Step]:
        self.plans += 1
        return [self._step(name) for name in self.left]

    def _step(self, name: str) -> Step:
        return Step(name, "it is left", lambda: self.left.remove(name), independent=name in self._independent)


def test_steps_are_taken_until_the_plan_is_empty() -> None:
    work = Work("a", "b", "c")
    assert take_steps(work.plan(), work.plan, ()) == ["a", "b", "c"]
    assert work.left == []


def test_only_a_step_that_is_not_independent_is_followed_by_another_plan() -> None:
    work = Work("a", "b", "c", "d", independent=("a", "b", "d"))
    take_steps(work.plan(), work.plan, ())
    assert work.plans == 3  # at first, after c, and after d, when it is empty


def test_without_a_check_no_plan_follows_independent_steps() -> None:
    work = Work("a", "b", "c", "d", independent=("a", "b", "d"))
    take_steps(work.plan(), work.plan, (), check=False)
    assert (work.plans, work.left) == (2, [])  # at first, and after c


def test_the_number_of_steps_is_told_after_each() -> None:
    work, told = Work("a", "b", "c", independent=("a", "c")), list[tuple[int, int]]()
    take_steps(work.plan(), work.plan, (), on_step=lambda done, known: told.append((done, known)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_step_may_change_the_steps_after_it() -> None:
    work = Work("a", "b")
    first = Step("first", "it comes first", lambda: work.left.insert(0, "new"))
    assert take_steps([first, *work.plan()], work.plan, ()) == ["first", "new", "a", "b"]


def test_the_planner_gets_the_names_of_the_steps_that_were_taken() -> None:
    work, seen = Work("a", "b"), list[list[str]]()

    def plan(done: Sequence[str]) -> list[Step]:
        seen.append(list(done))
        return work.plan()

    take_steps(work.plan(), plan, ())
    assert seen == [["a"], ["a", "b"]]


def test_a_step_that_does_not_change_the_plan_fails() -> None:
    taken: list[str] = []
    step = Step("again", "it is never done", lambda: taken.append("again"))
    with pytest.raises(StoreError, match="does not come to an end at: again"):
        take_steps([step], lambda _: [step], ())
    assert taken == ["again"]


def test_manual_migrations_and_later_steps_can_be_left_out() -> None:
    work = Work("a", f"{RUN}0001_x", "b", independent=("a",))
    assert take_steps(work.plan(), work.plan, (), manual=False) == ["a"]
    assert work.left == [f"{RUN}0001_x", "b"]


def test_a_failure_names_the_step_and_other_errors_pass() -> None:
    def fail() -> None:
        raise KeyError("no such column\n")

    step = Step("add column", "it is new", fail)
    with pytest.raises(StoreError, match="nothing was changed: add column: 'no such column"):
        take_steps([step], lambda _: [], (KeyError,))
    with pytest.raises(KeyError):
        take_steps([step], lambda _: [], (OSError,))


def test_a_database_that_lacks_steps_is_not_served() -> None:
    refuse_to_serve("app.db", [], "URL")
    missing = in_words(Work("a", "b", "c", "d", "e").plan())
    with pytest.raises(Unmigrated) as caught:
        refuse_to_serve("app.db", missing, "URL")
    assert str(caught.value) == (
        "the database app.db is not ready: a (it is left); b (it is left); c (it is left); and 2 more; "
        "type: tidegate migrate --database URL"
    )


def test_a_planned_step_says_how_many_rows_it_copies() -> None:
    assert str(PlannedStep("add index", "it is wanted")) == "add index: it is wanted"
    assert str(PlannedStep("rebuild table", "a rule changed", 7)) == "rebuild table: a rule changed (7 rows are copied)"
