"""Mutations that share a transaction: each is answered, refused and attributed as if it were alone.

A program that holds the numbering lock keeps the first mutation from its commit until the others wait for the lane.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.store.application import RESOURCES
from tests.store.mutations import create, delete, refused, update
from tests.store.postgres.foreign import ForeignPostgres
from tests.support.deadlines import DEADLINE_S
from tests.support.driver import psycopg
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation, WriteResult
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.changelog import COMMIT_LOCK
from tidegate.store.postgres.serving import transaction, writer

PIN = "ALTER TABLE boats ADD CONSTRAINT pinned FOREIGN KEY (harbour) REFERENCES boats {}"
Outcomes = list[WriteResult | BaseException]


@pytest.fixture
async def store(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostgresStore]:
    # A busy machine makes no difference: nothing ends because it took long, unless a test says so.
    monkeypatch.setattr(transaction, "GROUP_S", 3600.0)
    for module in (transaction, writer):
        monkeypatch.setattr(module, "LOCK_TIMEOUT_MS", 3_600_000)
    store = await PostgresStore.open(url, RESOURCES)
    yield store
    await store.close()


@asynccontextmanager
async def commits_held(foreign: ForeignPostgres, store: PostgresStore) -> AsyncIterator[asyncio.Future[WriteResult]]:
    """Within, no commit succeeds. One mutation of user 7 waits for that, and later mutations wait behind it."""
    foreign.execute(f"SELECT pg_advisory_lock({COMMIT_LOCK})")
    first = asyncio.ensure_future(store.write(create({"name": "first"}, resource="people")))
    try:
        await until_waiting(foreign)
        yield first
    finally:
        foreign.execute(f"SELECT pg_advisory_unlock({COMMIT_LOCK})")


async def until_waiting(foreign: ForeignPostgres, what: str = "advisory") -> None:
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = '{what}'"
    async with asyncio.timeout(DEADLINE_S):
        while not foreign.value(query):  # noqa: ASYNC110  # the server knows
            await asyncio.sleep(0.005)


async def together(store: PostgresStore, foreign: ForeignPostgres, mutations: Sequence[Mutation]) -> Outcomes:
    """The outcomes of mutations that make up one group."""
    async with commits_held(foreign, store):
        waiting = [asyncio.ensure_future(store.write(mutation)) for mutation in mutations]
        await asyncio.sleep(0)
    async with asyncio.timeout(DEADLINE_S):
        return await asyncio.gather(*waiting, return_exceptions=True)


def said(outcome: WriteResult | BaseException) -> str:
    return outcome.code if isinstance(outcome, Refused) else "done" if isinstance(outcome, WriteResult) else "?"


def transactions(foreign: ForeignPostgres, resource: str = "boats") -> int:
    return int(foreign.value(f"SELECT count(DISTINCT xmin::text) FROM _tidegate.log WHERE resource = '{resource}'"))


async def test_waiting_mutations_are_committed_together(store: PostgresStore, foreign: ForeignPostgres) -> None:
    mutations = [create({"code": f"{number}", "sign": number}) for number in range(150)]
    results = await together(store, foreign, mutations)
    assert [said(result) for result in results] == ["done"] * 150
    assert 1 <= transactions(foreign) <= 20
    for number, result in enumerate(results):
        assert isinstance(result, WriteResult)
        assert [row["code"] for row in result.rows] == [f"{number}"]
        (seq,) = [entry.seq for entry in foreign.log() if entry.key == (f"{number}",)]
        assert result.seq >= seq


async def test_a_group_takes_no_more_mutations_when_its_time_is_up(
    store: PostgresStore, foreign: ForeignPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "GROUP_S", 0.0)
    results = await together(store, foreign, [create({"code": f"{number}", "sign": number}) for number in range(9)])
    assert [said(result) for result in results] == ["done"] * 9
    assert [entry.key for entry in foreign.log() if entry.resource == "boats"] == [(f"{n}",) for n in range(9)]
    assert transactions(foreign) == 9


async def test_each_change_has_the_key_of_its_mutation(store: PostgresStore, foreign: ForeignPostgres) -> None:
    """`user` is always 7, for one lane; test_changes_of_a_group_keep_their_users has other users."""
    mutations = [
        create({"code": "a"}, idempotency_key="k1", digest=b"1"),
        create({"code": "b", "harbour": "x"}),
        create({"code": "a"}, idempotency_key="k2", digest=b"1"),
        update("b", {"weight": 1}, idempotency_key="k3", digest=b"1"),
        create({"code": "c", "harbour": "y"}, {"code": "d", "harbour": "z"}, idempotency_key="k4", digest=b"1"),
    ]
    outcomes = await together(store, foreign, mutations)
    assert [said(outcome) for outcome in outcomes] == ["done", "done", "conflict", "done", "done"]
    assert transactions(foreign) == 1
    found = foreign.connection.execute(
        "SELECT key, origin, actor FROM _tidegate.log WHERE resource = 'boats' ORDER BY seq"
    )
    assert found.fetchall() == [
        ('{"code":"a"}', "k1", "7"),
        ('{"code":"b"}', None, "7"),
        ('{"code":"b"}', "k3", "7"),
        ('{"code":"c"}', "k4", "7"),
        ('{"code":"d"}', "k4", "7"),
    ]
    again = await together(store, foreign, mutations[:1] + mutations[3:])
    assert again == [outcomes[0], outcomes[3], outcomes[4]]
    assert transactions(foreign) == 1


async def test_a_mutation_that_fails_undoes_no_other(store: PostgresStore, foreign: ForeignPostgres) -> None:
    foreign.execute("""CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF NEW.sign = 13 THEN RAISE 'unlucky'; END IF; RETURN NEW; END $$""")
    foreign.execute("CREATE TRIGGER broken BEFORE INSERT ON boats FOR EACH ROW EXECUTE FUNCTION broken()")
    mutations = [
        create({"code": "z" * 41}),
        create({"code": "a"}),
        create({"code": "b", "harbour": "x"}, {"code": "a"}, array=True),
        update("missing", {"name": "Ada"}),
        create({"code": "c", "harbour": "y"}),
        create({"code": "e", "sign": 13}),
        delete("c", "missing", array=True, user="7"),
        create({"harbour": "Ost", "number": 1, "boat": "none"}, resource="berths"),
        update("a", {"weight": 2}, expected={"weight": 1}),
        update("a", {"harbour": "z"}),
    ]
    outcomes = await together(store, foreign, mutations)
    assert [said(outcome) for outcome in outcomes] == [
        "invalid_data",
        "done",
        "conflict",
        "not_found",
        "done",
        "invalid_data",
        "not_found",
        "conflict",
        "conflict",
        "done",
    ]
    assert [getattr(outcome, "pointer", "") for outcome in outcomes if isinstance(outcome, Refused)] == [
        "/data/code",
        "/data/1/code",
        "/id",
        "/data",
        "/ids/1",
        "/data/boat",
        "/if/weight",
    ]
    assert {key: row["harbour"] for key, row in foreign.tables()["boats"].items()} == {("a",): "z", ("c",): "y"}
    assert [entry.action for entry in foreign.log() if entry.resource == "boats"] == ["create", "create", "update"]
    assert transactions(foreign) == 1


@pytest.mark.parametrize("other", ["mine", "pinned"])
async def test_a_deferred_constraint_refuses_the_mutation_that_violates_it(
    store: PostgresStore, foreign: ForeignPostgres, other: str
) -> None:
    """Also where another constraint of the same name is not deferred."""
    foreign.execute(f"CREATE TABLE mine (code text CONSTRAINT {other} CHECK (code <> ''))")
    foreign.execute(PIN.format("DEFERRABLE INITIALLY DEFERRED"))
    mutations = [
        create({"code": "a", "harbour": "a"}),
        create({"code": "b", "harbour": "none"}),
        create({"code": "c", "harbour": "d"}, {"code": "d", "harbour": "c"}, array=True),  # wrong until its end
        create({"code": "e", "harbour": "f"}),
        create({"code": "f", "name": "f", "harbour": "a"}),
    ]
    outcomes = await together(store, foreign, mutations)
    assert [said(outcome) for outcome in outcomes] == ["done", "conflict", "done", "conflict", "done"]
    assert {outcome.pointer for outcome in outcomes if isinstance(outcome, Refused)} == {"/data/harbour"}
    assert transactions(foreign) == {"mine": 1, "pinned": 3}[other]


async def test_an_immediate_constraint_stays_immediate_in_a_group(
    store: PostgresStore, foreign: ForeignPostgres
) -> None:
    """It is deferrable, but not deferred; one of another table with the same name is deferred."""
    foreign.execute(PIN.format("DEFERRABLE INITIALLY IMMEDIATE"))
    foreign.execute("CREATE TABLE mine (code text PRIMARY KEY, other text, "
                    "CONSTRAINT pinned FOREIGN KEY (other) REFERENCES mine DEFERRABLE INITIALLY DEFERRED)")  # fmt: skip
    swapped = create({"code": "c", "harbour": "d"}, {"code": "d", "harbour": "c"}, array=True)
    mutations = [
        create({"code": "a", "harbour": "a"}),
        swapped,
        create({"code": "b", "name": "b", "harbour": "a"}),
        swapped,
    ]
    outcomes = await together(store, foreign, mutations)
    assert [said(outcome) for outcome in outcomes] == ["done", "conflict", "done", "conflict"]


async def test_changes_of_a_deferred_trigger_belong_to_its_mutation(
    store: PostgresStore, foreign: ForeignPostgres
) -> None:
    foreign.execute("""CREATE FUNCTION berth() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO berths (harbour, number, boat) VALUES ('Ost', NEW.sign, NEW.code); RETURN NULL; END $$""")
    foreign.execute("CREATE CONSTRAINT TRIGGER late AFTER INSERT ON boats DEFERRABLE INITIALLY DEFERRED "
                    "FOR EACH ROW EXECUTE FUNCTION berth()")  # fmt: skip
    mutations = [
        create({"code": f"{number}", "sign": number}, idempotency_key=f"k{number}", digest=b"1") for number in range(3)
    ]
    await together(store, foreign, mutations)
    found = foreign.connection.execute(
        "SELECT resource, origin FROM _tidegate.log WHERE resource <> 'people' ORDER BY seq"
    )
    assert found.fetchall() == [(name, f"k{number}") for number in range(3) for name in ("boats", "berths")]


async def test_a_request_that_is_twice_in_a_group_is_done_once(store: PostgresStore, foreign: ForeignPostgres) -> None:
    mutation = create({"name": "Ada"}, resource="people", idempotency_key="k", digest=b"1")
    other = create({"name": "Eve"}, resource="people", idempotency_key="k", digest=b"2")
    before = create({"name": "Bob"}, resource="people")
    _, first, second, third = await together(store, foreign, [before, mutation, mutation, other])
    assert isinstance(first, WriteResult)
    assert first == second
    assert said(third) == "conflict"
    assert [row["name"] for row in foreign.tables()["people"].values()] == ["first", "Bob", "Ada"]
    assert transactions(foreign, "people") == 2


async def test_automatic_keys_skip_keys_that_another_program_took(
    store: PostgresStore, foreign: ForeignPostgres
) -> None:
    foreign.run("INSERT INTO people (id, name) SELECT n, 'x' FROM generate_series(2, 40) n")
    names = ["first", *(f"Ada {number}" for number in range(9))]
    outcomes = await together(store, foreign, [create({"name": name}, resource="people") for name in names[1:]])
    assert [said(outcome) for outcome in outcomes] == ["done"] * 9
    found = foreign.connection.execute("SELECT name FROM people WHERE name <> 'x' ORDER BY id")
    assert [name for (name,) in found] == names


async def test_a_locked_row_delays_only_the_user_that_wants_it(
    store: PostgresStore, foreign: ForeignPostgres, url: str
) -> None:
    foreign.run("INSERT INTO boats (code, name) VALUES ('a', 'a'), ('b', 'b')")
    users = [f"u{number}" for number in range(40)]
    with psycopg.connect(url) as holder:
        holder.execute("UPDATE boats SET sign = 1 WHERE code = 'a'")
        stuck = [asyncio.ensure_future(store.write(update("a", {"weight": number}))) for number in range(3)]
        behind = asyncio.ensure_future(store.write(update("b", {"weight": 7})))
        await until_waiting(foreign, "transactionid")
        async with asyncio.timeout(DEADLINE_S):  # a mutation that is alone would wait for an hour
            rows = [{"name": user} for user in users]
            mutations = [Mutation(kind="create", resource="people", rows=(row,), user=row["name"]) for row in rows]
            await asyncio.gather(*map(store.write, mutations))
        assert not any(one.done() for one in (*stuck, behind))
        holder.commit()
    async with asyncio.timeout(DEADLINE_S):
        results = await asyncio.gather(*stuck, behind)
    assert [result.rows[0]["weight"] for result in results] == [0, 1, 2, 7]
    assert foreign.tables()["boats"][("a",)]["weight"] == 2
    assert foreign.tables()["boats"][("a",)]["sign"] == 1
    assert [entry.key for entry in foreign.log()[-4:]] == [("a",), ("a",), ("a",), ("b",)]


async def test_a_commit_that_waits_too_long_is_refused_as_unavailable(
    store: PostgresStore, foreign: ForeignPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "LOCK_TIMEOUT_MS", 100)
    foreign.execute(f"SELECT pg_advisory_lock({COMMIT_LOCK})")
    assert await refused(store, create({"code": "a"})) == ("unavailable", None, None)
    foreign.execute(f"SELECT pg_advisory_unlock({COMMIT_LOCK})")
    assert (await store.write(create({"code": "a"}))).rows[0]["code"] == "a"


async def test_a_connection_that_breaks_during_commit_makes_the_group_unavailable(
    store: PostgresStore, foreign: ForeignPostgres
) -> None:
    mutations = [create({"code": f"{n}", "sign": n}, idempotency_key=f"k{n}", digest=b"1") for n in range(5)]
    foreign.execute(f"SELECT pg_advisory_lock({COMMIT_LOCK})")
    first = asyncio.ensure_future(store.write(create({"name": "first"}, resource="people")))
    await until_waiting(foreign)
    waiting = [asyncio.ensure_future(store.write(mutation)) for mutation in mutations]
    await asyncio.sleep(0)
    kill = (
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
        "WHERE wait_event = 'advisory' AND datname = current_database()"
    )
    assert foreign.value(kill) == 1
    await until_waiting(foreign)
    assert foreign.value(kill) == 1
    foreign.execute(f"SELECT pg_advisory_unlock({COMMIT_LOCK})")
    outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [said(outcome) for outcome in outcomes] == ["unavailable"] * 6
    assert foreign.tables()["boats"] == {}
    outcomes = await asyncio.gather(*map(store.write, mutations), return_exceptions=True)
    assert [said(outcome) for outcome in outcomes] == ["done"] * 5


async def test_changes_of_a_group_keep_their_users(store: PostgresStore, foreign: ForeignPostgres) -> None:
    """The same key of another user is another request, and each change has its own user."""
    users = [f"u{number}" for number in range(30)]
    mutations = [
        Mutation(kind="create", resource="people", rows=({"name": user},), user=user, idempotency_key="k", digest=b"1")
        for user in users
    ]
    outcomes = await together(store, foreign, mutations)
    assert [said(outcome) for outcome in outcomes] == ["done"] * 30
    found = foreign.connection.execute(
        "SELECT new::jsonb->>'name', actor, origin FROM _tidegate.log WHERE origin IS NOT NULL"
    )
    assert sorted(found.fetchall()) == sorted((user, user, "k") for user in users)
    assert transactions(foreign, "people") < 15
