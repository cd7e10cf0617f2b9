"""SQLite's result codes: which failures are temporary. Each case is made with a real database."""

from __future__ import annotations

import logging
from pathlib import Path

import apsw
import pytest

from tests.store.application import RESOURCES, Foreign
from tests.store.mutations import create
from tidegate.core.errors import Refused
from tidegate.store.sqlite.serving import result_codes
from tidegate.store.sqlite.serving.result_codes import Fault, failure, fault, unreadable
from tidegate.store.sqlite.serving.store import SqliteStore

OF_THE_MOMENT = {"BUSY", "LOCKED", "NOMEM", "INTERRUPT", "IOERR", "FULL", "NOLFS", "CANTOPEN", "PROTOCOL", "SCHEMA"}
OF_THE_WHOLE_FILE = {"READONLY", "PERM", "CORRUPT", "NOTADB"}
TEMPORARY = OF_THE_MOMENT | OF_THE_WHOLE_FILE
OF_THE_ROW = {"CONSTRAINT", "MISMATCH", "TOOBIG"}
PERMANENT = {"ERROR", "INTERNAL", "MISUSE", "AUTH", "RANGE"}


def error(name: str, extended: int = 0) -> apsw.Error:
    raised = apsw.Error(name)
    setattr(raised, "result", getattr(apsw, f"SQLITE_{name}") | extended << 8)  # noqa: B010  # the stubs lack it
    return raised


@pytest.mark.parametrize("name", sorted(TEMPORARY | OF_THE_ROW | PERMANENT))
@pytest.mark.parametrize("extended", [0, 3])
def test_a_code_is_temporary_where_waiting_can_help(name: str, extended: int) -> None:
    refused = failure(error(name, extended))
    code = "unavailable" if name in TEMPORARY else "invalid_data" if name in OF_THE_ROW else "internal"
    assert (refused.code, refused.temporary) == (code, name in TEMPORARY)
    refused = unreadable(error(name, extended))
    code = "unavailable" if name in TEMPORARY else "internal"
    assert (refused.code, refused.temporary) == (code, name in TEMPORARY)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IOERR_READ", Fault.DATABASE),
        ("IOERR_WRITE", Fault.NO_ROOM),
        ("IOERR_FSYNC", Fault.NO_ROOM),
        ("IOERR_SHMSIZE", Fault.NO_ROOM),
        ("IOERR_CORRUPTFS", Fault.DAMAGE),
        ("READONLY_DBMOVED", Fault.READ_ONLY),
        ("CANTOPEN_FULLPATH", Fault.READ_ONLY),
        ("CORRUPT_SEQUENCE", Fault.DAMAGE),
        ("CORRUPT_INDEX", Fault.DAMAGE),
        ("CORRUPT_VTAB", Fault.SETUP),
        ("CONSTRAINT_CHECK", Fault.ROW),
        ("BUSY_SNAPSHOT", Fault.DATABASE),
    ],
)
def test_an_extended_code_decides_before_its_primary_code(name: str, expected: Fault) -> None:
    extended = getattr(apsw, f"SQLITE_{name}")
    raised = apsw.Error(name)
    setattr(raised, "result", extended & 0xFF)  # noqa: B010  # as apsw has it
    setattr(raised, "extendedresult", extended)  # noqa: B010
    assert fault(raised) is expected


def test_an_error_of_the_library_is_permanent() -> None:
    assert not failure(apsw.BindingsError("too few")).temporary
    assert not result_codes.is_temporary(ValueError("no error of the database"))


@pytest.mark.parametrize(
    "definition",
    [
        "CREATE TRIGGER broken AFTER INSERT ON boats BEGIN SELECT known_to_its_program_only(NEW.code); END",
        "CREATE TRIGGER broken AFTER INSERT ON boats BEGIN INSERT INTO gone VALUES (1); END",
        "CREATE TRIGGER broken AFTER INSERT ON boats BEGIN UPDATE people SET gone = 1; END",
    ],
    ids=["unknown function", "missing table", "missing column"],
)
async def test_a_mistake_in_a_trigger_of_the_owner_is_not_temporary(
    path: Path, foreign: Foreign, definition: str, caplog: pytest.LogCaptureFixture
) -> None:
    foreign.connection.execute(definition)
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    try:
        with caplog.at_level(logging.ERROR), pytest.raises(Refused) as caught:
            await store.write(create({"code": "a"}))
    finally:
        await store.close()
    assert (caught.value.code, caught.value.temporary) == ("internal", False)
    assert "no such" in caplog.text or "no column" in caplog.text
