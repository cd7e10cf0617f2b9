"""Which sessions each user has, held against a plain set of pairs."""

from __future__ import annotations

import random

from tests.support.cases import every_case
from tidegate.core.session import Session
from tidegate.core.users import Users
from tidegate_protocol import Principal

USERS = ("ada", "bob", "eve")


def session(number: int) -> Session:
    return Session(f"c{number}", object(), Principal(id="ada", name="Ada", roles=[], anonymous=False))


def test_the_sessions_of_a_user_are_those_that_were_added_and_not_discarded() -> None:
    some = [session(number) for number in range(5)]
    with every_case() as case:
        for seed in range(200):
            rng = random.Random(seed)
            users, expected = Users(), dict[tuple[str, Session], None]()
            with case(f"seed {seed}"):
                for _ in range(30):
                    user, each = rng.choice(USERS), rng.choice(some)
                    if rng.random() < 0.5:
                        users.add(user, each)
                        expected[user, each] = None
                    else:
                        users.discard(user, each)
                        expected.pop((user, each), None)
                    for name in USERS:
                        assert list(users.sessions(name)) == [found for user, found in expected if user == name]


def test_a_user_without_a_session_takes_nothing() -> None:
    users, one, other = Users(), session(1), session(2)
    for each in (one, other):
        users.add("ada", each)
    for each in (one, other):
        users.discard("ada", each)
    assert not users._sessions
