"""Row level security on a shared table: Tidegate works as a role that sees every row, or says why it does not work.

The triggers log every change, so that a role which sees fewer rows would send changes of rows that its policies hide.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.store.heard import Heard
from tests.store.postgres.notes import ALL, RESOURCES, TABLE, Owner, owned
from tests.support.hub import Hub
from tests.support.postgres import PostgresServer
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.hub.connector import Hub as Address
from tidegate.store import StoreError, introspect
from tidegate.store.errors import CHANGED_TABLES
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.migration import migrate

SECURE = (
    "ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY mine ON notes USING (body = current_user)",
)
RIGHTS = (
    "GRANT USAGE ON SCHEMA _tidegate TO gw_policies",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON notes, _tidegate.log, _tidegate.pending, _tidegate.commits, "
    "_tidegate.meta, _tidegate.requests TO gw_policies",
)
REFUSED = "row level security of the table notes applies to the role gw_policies"
SHOWN = "row level security of the table notes does not apply to the role"


@pytest.fixture
def owner(postgres: PostgresServer) -> Iterator[Owner]:
    with owned(postgres) as owner:
        owner.execute(TABLE.format("notes"), "INSERT INTO notes VALUES (1, 'ann'), (2, 'gw_policies')")
        yield owner


@pytest.fixture
def migrated(owner: Owner) -> Owner:
    migrate.apply(owner.url, RESOURCES)
    return owner


async def test_a_role_that_policies_filter_is_refused(migrated: Owner) -> None:
    with migrated.role("gw_policies") as url:
        migrated.execute(*RIGHTS, *SECURE)
        with pytest.raises(StoreError, match=REFUSED) as caught:
            await PostgresStore.open(url, RESOURCES)
        assert 'ALTER ROLE "gw_policies" BYPASSRLS' in str(caught.value)
        with pytest.raises(StoreError, match=REFUSED):
            migrate.planned(url, RESOURCES)
        assert [REFUSED in text for text in introspect.read(url).warnings] == [True]


def test_an_owner_with_forced_policies_is_refused_and_one_without_is_told(migrated: Owner) -> None:
    with migrated.role("gw_policies") as url:
        migrated.execute(*RIGHTS, "ALTER TABLE notes OWNER TO gw_policies", *SECURE)
        (note,) = [note for note in migrate.notes(url, RESOURCES) if "policies" in note]
        assert SHOWN in note
        migrated.execute("ALTER TABLE notes FORCE ROW LEVEL SECURITY")
        with pytest.raises(StoreError, match=REFUSED):
            migrate.check(url, RESOURCES)
        migrated.execute("ALTER TABLE notes OWNER TO tidegate")


async def test_a_role_that_bypasses_policies_serves_every_row_and_says_so(
    migrated: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    with migrated.role("gw_policies", "BYPASSRLS") as url:
        migrated.execute(*RIGHTS, *SECURE)
        store = await PostgresStore.open(url, RESOURCES)
        try:
            assert [row["id"] for row in (await store.read(ALL)).rows] == [1, 2]
        finally:
            await store.close()
        assert f"{SHOWN} gw_policies" in caplog.text
        assert [SHOWN in text for text in introspect.read(url).warnings] == [True]


@pytest.fixture
async def store(migrated: Owner) -> AsyncIterator[PostgresStore]:
    """Of a role without BYPASSRLS, before there are policies."""
    with migrated.role("gw_policies") as url:
        migrated.execute(*RIGHTS)
        store = await PostgresStore.open(url, RESOURCES)
        yield store
        await store.close()


@pytest.fixture
async def of_worker(store: PostgresStore) -> AsyncIterator[PostgresStore]:
    """A worker beside it, with a hub; of the same role."""
    hub = Hub()
    await hub.start(store._url, {}, durable=False)
    worker = await PostgresStore.open(store._url, RESOURCES, part=Address(hub.address, "worker"))
    yield worker
    await worker.close()
    await hub.stop()


async def test_a_gateway_is_not_ready_while_policies_hide_rows(
    store: PostgresStore, migrated: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    migrated.execute(*SECURE)
    store._guard.look()
    assert (set(store.incomplete), store.problem) == ({"notes"}, CHANGED_TABLES)
    with pytest.raises(Refused) as caught:
        await store.read(ALL)
    assert caught.value.code == "unavailable"
    migrated.execute("ALTER TABLE notes DISABLE ROW LEVEL SECURITY")
    store._guard.look()
    assert store.healthy
    assert [row["id"] for row in (await store.read(ALL)).rows] == [1, 2]
    assert "has row level security on notes that hides rows from the gateway's role" in caplog.text


@pytest.mark.parametrize("followed", ["store", "of_worker"])
async def test_policies_that_come_with_a_change_hide_this_change(
    store: PostgresStore, of_worker: PostgresStore, migrated: Owner, followed: str
) -> None:
    """Policies are looked at after changes were read, live and when a client resumes: what they hide is never sent.

    A hub, which knows no schema, hides them from its workers.
    """
    heard = Heard()
    (store if followed == "store" else of_worker).follow(heard.deliver)
    before = migrated.rows("SELECT coalesce(max(seq), 0) FROM _tidegate.log")[0][0]
    migrated.execute("UPDATE notes SET body = 'seen' WHERE id = 2")
    await until(lambda: bool(heard.changes))
    migrated.execute(
        "BEGIN", *SECURE, "UPDATE notes SET body = 'secret'", "UPDATE notes SET body = 'more secret'", "COMMIT"
    )
    await until(lambda: len(heard.changes) > 1)
    assert [(change.key, change.action) for change in heard.changes] == [({"id": 2}, "update"), ({}, "reset")]
    resumed = await store.changes(before, heard.changes[-1].seq, 100)
    assert [(change.action, change.old, change.new) for change in resumed] == [("reset", None, None)]
    migrated.execute("ALTER TABLE notes DISABLE ROW LEVEL SECURITY", "UPDATE notes SET body = 'public' WHERE id = 1")
    await until(lambda: heard.changes[-1].action == "update")
    assert heard.changes[-1].new == {"id": 1, "body": "public"}
