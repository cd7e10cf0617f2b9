"""The rights that a gateway's role needs: those that the guide lists are enough, and a missing one is spelt out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.store.mutations import create
from tests.store.postgres.notes import ALL, NOTES, RESOURCES, TABLE, Owner, owned
from tests.support.gateway import ROOT
from tests.support.postgres import PostgresServer
from tidegate.contract import Resource
from tidegate.core.rows.ports import Mutation
from tidegate.schema.resource import read_resource
from tidegate.store import StoreError
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.connection import connect
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.serving import retention

GUIDE = ROOT / "docs/how-to/existing-database.md"
COUNTED: dict[str, Resource] = {
    "notes": read_resource(
        "notes", NOTES | {"properties": NOTES["properties"] | {"id": {"type": "integer", "readOnly": True}}}, {}
    )
}


def listed() -> list[str]:
    """The GRANT statements of the guide, for the role and the table of these tests."""
    (block,) = re.findall(r"```sql\n(CREATE ROLE gateway.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    statements = [line.partition("--")[0] for line in block.splitlines() if line.startswith("GRANT")]
    return [statement.replace("gateway", "gw_rights").replace("boats", "notes").strip(" ;") for statement in statements]


@pytest.fixture
def owner(postgres: PostgresServer) -> Iterator[Owner]:
    with owned(postgres) as owner:
        owner.execute(TABLE.format("notes"))
        owner.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")  # as hardened databases have
        migrate.apply(owner.url, RESOURCES)
        yield owner


@pytest.fixture
def gateway(owner: Owner) -> Iterator[str]:
    """The URL of a role without any right."""
    with owner.role("gw_rights") as url:
        yield url


async def test_the_rights_of_the_guide_are_enough(owner: Owner, gateway: str) -> None:
    owner.execute(*listed())
    store = await PostgresStore.open(gateway, RESOURCES)
    key: dict[str, Any] = {"resource": "notes", "keys": ({"id": 1},), "user": "7"}
    try:
        await store.write(create({"id": 1, "body": "a"}, resource="notes", idempotency_key="k" * 16, digest=b"d"))
        await store.write(Mutation(kind="update", data={"body": "b"}, **key))
        assert (await store.read(ALL)).rows == [{"id": 1, "body": "b"}]
        await store.write(Mutation(kind="delete", **key))
        assert [change.action for change in await store.changes(0, 100, 100)] == ["create", "update", "delete"]
    finally:
        await store.close()
    with connect(gateway) as connection:
        retention.prune(connection, 2**50)


async def test_missing_rights_are_spelt_out_and_are_enough(owner: Owner, gateway: str) -> None:
    owner.execute("REVOKE ALL ON SCHEMA public FROM public")
    owner.execute("GRANT USAGE ON SCHEMA public TO gw_rights")
    given = 0
    while (missing := await _missing(gateway)) is not None:
        assert missing, "an error without statements"
        owner.execute(*missing)
        given += 1
        assert given <= 2, "first those in Tidegate's schema, then those on tables"
    assert given == 2


async def _missing(url: str) -> list[str] | None:
    """The GRANT statements in the refusal to open the store; None where it opens."""
    try:
        store = await PostgresStore.open(url, RESOURCES)
    except StoreError as error:
        assert "the role gw_rights lacks rights" in str(error)
        return re.findall(r"GRANT [^;]+", str(error))
    await store.close()
    return None


@pytest.mark.parametrize(
    ("access", "privileges"),
    [
        ({"read": "anyone"}, "SELECT"),
        ({"read": "anyone", "create": "anyone"}, "SELECT, INSERT"),
        ({"delete": "role:admin"}, "SELECT, UPDATE, DELETE"),
        ({}, "SELECT"),
    ],
)
def test_a_table_needs_what_clients_may_do(owner: Owner, gateway: str, access: dict[str, str], privileges: str) -> None:
    owner.execute(*listed(), "REVOKE ALL ON notes FROM gw_rights")
    resources = {"notes": read_resource("notes", NOTES | {"x-access": access}, {})}
    with pytest.raises(StoreError) as caught:
        migrate.check(gateway, resources)
    assert f'GRANT {privileges} ON "public"."notes" TO "gw_rights";' in str(caught.value)


def test_rights_on_the_columns_of_the_schema_are_enough(owner: Owner, gateway: str) -> None:
    owner.execute(*listed(), "REVOKE ALL ON notes FROM gw_rights", "ALTER TABLE notes ADD COLUMN hidden text")
    owner.execute("GRANT SELECT (id, body) ON notes TO gw_rights")
    reading = {"notes": read_resource("notes", NOTES | {"x-access": {"read": "anyone"}}, {})}
    migrate.check(gateway, reading)
    owner.execute("REVOKE SELECT (body) ON notes FROM gw_rights")
    with pytest.raises(StoreError, match="GRANT SELECT ON"):
        migrate.check(gateway, reading)


def test_the_sequence_of_a_key_needs_rights_too(owner: Owner, gateway: str) -> None:
    owner.execute(*listed(), "CREATE SEQUENCE numbers OWNED BY notes.id")
    owner.execute("ALTER TABLE notes ALTER COLUMN id SET DEFAULT nextval('numbers')")
    with pytest.raises(StoreError, match=r'GRANT USAGE, UPDATE ON SEQUENCE "public"."numbers" TO "gw_rights"'):
        migrate.check(gateway, COUNTED)
    owner.execute("GRANT USAGE, UPDATE ON SEQUENCE numbers TO gw_rights")
    migrate.check(gateway, COUNTED)


def test_a_schema_without_usage_is_named(owner: Owner, gateway: str) -> None:
    owner.execute(*listed(), "CREATE SCHEMA other", "GRANT USAGE ON SCHEMA other TO gw_rights")
    owner.execute("REVOKE ALL ON SCHEMA public FROM public")
    with pytest.raises(StoreError, match=r'GRANT USAGE ON SCHEMA "public" TO "gw_rights"'):
        migrate.check(f"{gateway}?options=-csearch_path%3Dpublic,other", RESOURCES)


def test_a_role_that_may_not_write_at_all_is_refused(owner: Owner, gateway: str) -> None:
    owner.execute(*listed(), "ALTER ROLE gw_rights SET default_transaction_read_only = on")
    with pytest.raises(StoreError, match="transactions of this role are read-only"):
        migrate.check(gateway, RESOURCES)
