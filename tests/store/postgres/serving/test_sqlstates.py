"""PostgreSQL's error codes: which failures are temporary, by table and with mistakes that owners make."""

from __future__ import annotations

import logging

import pytest

from tests.store.mutations import create, update
from tests.store.postgres.foreign import RESOURCES, ForeignPostgres
from tests.support.driver import psycopg
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import ReadQuery
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.serving.sqlstates import Fault, fault

CASES = {
    Fault.OTHERS: "40000 40001 40P01 55P03",
    Fault.DATABASE: "08000 08001 08006 08P01 25P03 25P04 40003 53000 53100 53200 53300 55006 57014 57P01 57P02 "
    "57P03 58000 58030 72000 HV00N XX001 XX002",
    Fault.ROW: "22001 22003 22012 22P02 22P05 23000 23502 23503 23505 23514 23P01 40002 44000 54000",
    Fault.SETUP: "09000 0A000 "
    "21000 25001 25006 25P02 27000 28000 2F002 38000 39000 3F000 42501 42601 42703 42883 42P01 "
    "42P17 54001 55000 55P02 58P01 F0000 HV000 P0002 P0003 P0004 XX000",
}


class Failed(psycopg.Error):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.sqlstate = code


@pytest.mark.parametrize(
    ("code", "expected"), [(code, expected) for expected, codes in CASES.items() for code in codes.split()]
)
def test_the_code_of_an_error_tells_whose_fault_it_is(code: str, expected: Fault) -> None:
    assert fault(Failed(code)) is expected


def test_an_error_without_a_code_is_the_connections_or_the_drivers() -> None:
    assert fault(psycopg.OperationalError("gone")) is Fault.DATABASE
    assert fault(psycopg.InterfaceError("closed")) is Fault.DATABASE
    assert fault(psycopg.DataError("NUL in text")) is Fault.ROW
    assert fault(psycopg.ProgrammingError("ours")) is Fault.SETUP


def trigger(body: str) -> list[str]:
    return [
        f"CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$",
        "CREATE TRIGGER broken BEFORE INSERT ON boats FOR EACH ROW EXECUTE FUNCTION broken()",
    ]


@pytest.mark.parametrize(
    "statements",
    [
        trigger("PERFORM title_sort(NEW.code);"),
        trigger("INSERT INTO gone VALUES (1);"),
        trigger("UPDATE people SET gone = 1;"),
        trigger("NEW.gone := 1;"),
        trigger("PERFORM (SELECT generate_series(1, 2));"),
        trigger("ASSERT false;"),
        trigger("SET TRANSACTION READ ONLY;"),
    ],
    ids=["function", "table", "column", "field", "cardinality", "assertion", "read only"],
)
async def test_a_mistake_of_the_owner_is_not_temporary(
    url: str, foreign: ForeignPostgres, statements: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    for statement in statements:
        foreign.execute(statement)
    store = await PostgresStore.open(url, {name: RESOURCES[name] for name in ("boats", "berths", "people")})
    try:
        with caplog.at_level(logging.ERROR), pytest.raises(Refused) as caught:
            await store.write(create({"code": "a"}))
    finally:
        await store.close()
    assert (caught.value.code, caught.value.temporary) == ("internal", False)
    assert "a mutation failed" in caplog.text


async def test_a_right_that_is_taken_away_while_a_gateway_serves_is_not_temporary(
    url: str, foreign: ForeignPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    everything = "ALL TABLES IN SCHEMA public, _tidegate"
    foreign.execute("CREATE ROLE gw_loses LOGIN")
    try:
        foreign.execute("GRANT USAGE ON SCHEMA _tidegate TO gw_loses")
        foreign.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {everything} TO gw_loses")
        foreign.execute("GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO gw_loses")
        store = await PostgresStore.open(url.replace("tidegate@", "gw_loses@"), RESOURCES)
        try:
            await store.write(create({"code": "a"}))
            foreign.execute("REVOKE SELECT, UPDATE ON boats FROM gw_loses")
            with pytest.raises(Refused) as caught:
                await store.write(update("a", {"name": "b"}))
            assert (caught.value.code, caught.value.temporary) == ("internal", False)
            with pytest.raises(Refused) as caught:
                await store.read(ReadQuery(resource="boats"))
            assert (caught.value.code, caught.value.temporary) == ("internal", False)
        finally:
            await store.close()
        assert "the gateway's role lacks a right (GRANT)" in caplog.text
    finally:
        foreign.execute("DROP OWNED BY gw_loses")
        foreign.execute("DROP ROLE gw_loses")
