"""Transactions of several sessions at a time, at every level of isolation.

A schedule interleaves the statements of the sessions; a statement that has to wait for a row gives up. No session may
fail that does not fail on the untouched database.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.statements import Episode, Family, Statement

POSTGRES = (
    "create table accounts (id integer primary key, holder text, balance integer) with (autovacuum_enabled = off)",
    "create table moves (id serial primary key, account integer, amount integer) with (autovacuum_enabled = off)",
    "insert into accounts select i, 'holder ' || i, 100 from generate_series(1, 12) i",
)
SQLITE = (
    "create table accounts (id integer primary key, holder text, balance integer)",
    "create table moves (id integer primary key, account integer, amount integer)",
    "insert into accounts with recursive up (i) as (select 1 union all select i + 1 from up where i < 12) "
    "select i, 'holder ' || i, 100 from up",
)
LEVELS = ("read committed", "repeatable read", "serializable", "serializable", "serializable, read only")
OWN = (
    "update accounts set balance = balance - 1 where id = {own}",
    "insert into moves (account, amount) values ({own}, 1)",
    "select balance from accounts where id = {own}",
    "delete from moves where account = {own}",
    "insert into accounts values ({new}, 'new', 0)",
    "savepoint s",
)
SHARED = (
    "select sum(balance) from accounts",
    "update accounts set balance = balance + 1 where id = {any}",
    "select count(*) from moves",
    "select balance from accounts where id = {any} for share",
    "update accounts set balance = 0 where balance > (select avg(balance) from accounts) and id = {any}",
    "rollback to s",
)


class Session:
    """What one session does, statement by statement, in a schedule."""

    def __init__(self, number: int, chance: Random, begin: str, apart: bool) -> None:
        self._number, self._chance = number, chance
        templates = OWN[:4] if apart else OWN + SHARED
        self.left = [begin, *(chance.choice(templates) for _ in range(chance.randrange(2, 5)))]
        self.left.append("commit" if apart else chance.choice(("commit", "commit", "rollback")))
        self._new = 100 + 10 * number + chance.randrange(10)

    def next(self) -> Statement:
        text = self.left.pop(0)
        own, other = 3 * self._number + self._chance.randrange(1, 4), self._chance.randrange(1, 13)
        for name, value in (("own", own), ("any", other), ("new", self._new)):
            text = text.replace(f"{{{name}}}", str(value))
        return Statement(text, f"owner/{self._number}")


def schedule(chance: Random, begins: list[str], apart: bool) -> Episode:
    sessions = [Session(number, chance, begin, apart) for number, begin in enumerate(begins)]
    found: Episode = []
    while waiting := [session for session in sessions if session.left]:
        found.append(chance.choice(waiting).next())
    return [*found, *(Statement("rollback", f"owner/{number}") for number in range(len(sessions)))]


def postgres(chance: Random) -> Iterator[Episode]:
    yield [Statement("set lock_timeout = '80ms'", f"owner/{number}") for number in range(3)]
    while True:
        apart = chance.random() < 0.5
        levels = ["serializable"] * 3 if apart else [chance.choice(LEVELS) for _ in range(3)]
        yield schedule(chance, [f"begin isolation level {level}" for level in levels], apart)


def sqlite(chance: Random) -> Iterator[Episode]:
    while True:
        begins = [chance.choice(("begin", "begin immediate", "begin deferred")) for _ in range(2)]
        yield schedule(chance, begins, chance.random() < 0.3)


FAMILIES = [
    Family("isolation", "postgresql", POSTGRES, postgres),
    Family("isolation", "sqlite", SQLITE, sqlite),
]
