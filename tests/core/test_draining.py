"""A drain sends every session away once, evenly, and all of them by its end."""

from __future__ import annotations

import random

from tests.support.cases import every_case
from tidegate.core.draining import Drain
from tidegate.core.session import Session
from tidegate_protocol import Principal

USER = Principal(id="u", name="U", anonymous=True, roles=[])


def sessions(count: int) -> list[Session]:
    return [Session(f"c{number}", None, USER) for number in range(count)]


def test_slices_are_even_and_cover_each_session_once_in_order() -> None:
    with every_case() as case:
        for count, seconds, step in [
            (50_000, 30.0, 0.1),
            (7, 30.0, 0.1),
            (100, 1.0, 0.25),
            (3, 0.5, 1.0),
            (0, 1.0, 0.1),
        ]:
            with case((count, seconds, step)):
                everyone = sessions(count)
                drain, now = Drain(everyone, seconds, 1000.0), 1000.0
                slices = []
                while not drain.over(now):
                    slices.append(drain.due(now))
                    now += step
                slices.append(drain.due(now))
                assert [each for part in slices for each in part] == everyone
                share = count * step / seconds
                assert all(len(part) <= share + 1 for part in slices), [len(part) for part in slices]
                assert drain.due(now + 1) == []


def test_a_late_call_catches_up() -> None:
    everyone = sessions(100)
    drain = Drain(everyone, 10.0, 0.0)
    assert len(drain.due(1.0)) == 10
    assert len(drain.due(5.0)) == 40
    assert len(drain.due(4.0)) == 0
    assert len(drain.due(99.0)) == 50


def test_a_drain_without_time_is_over_at_once() -> None:
    everyone = sessions(3)
    drain = Drain(everyone, 0.0, 7.0)
    assert drain.over(7.0)
    assert drain.due(7.0) == everyone


def test_random_clocks_lose_no_session() -> None:
    chance = random.Random(1)
    for _ in range(200):
        everyone = sessions(chance.randrange(40))
        drain, now, seen = Drain(everyone, chance.uniform(0.1, 9), 0.0), 0.0, []
        while not drain.over(now):
            seen += drain.due(now)
            now += chance.expovariate(2)
        assert seen + drain.due(now) == everyone
