"""peewee models for Python programs over the tables that the gateway shares."""

from __future__ import annotations

import asyncio
import json
import threading
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import peewee
import pytest

from tests.support.postgres import PostgresServer
from tidegate import schema
from tidegate.core.rows.ports import ReadQuery
from tidegate.store import StoreError, Unmigrated, backends, models, open_store

ANYONE = dict.fromkeys(("read", "create", "update", "delete"), "anyone")
BOATS = {
    "title": "Boat",
    "description": "What lies in the harbour.",
    "x-resource": {"key": "code"},
    "properties": {
        "code": {"type": "string", "maxLength": 8},
        "name": {"type": "string", "default": "nameless"},
        "weight": {"type": "number"},
        "masts": {"type": "integer"},
        "afloat": {"type": "boolean", "default": True},
        "tags": {"type": "array", "default": ["new"]},
        "papers": {"type": ["object", "null"]},
        "extra": {},
        "built": {"type": "string", "format": "date"},
        "seen_at": {"type": "string", "format": "date-time"},
        "owner": {"type": "string", "format": "uuid"},
        "pin": {"type": "string", "writeOnly": True},
    },
    "required": ["code", "name", "afloat", "tags"],
}
VISITS = {
    "title": "Visit",
    "x-resource": {"key": "id"},
    "properties": {
        "id": {"type": "string", "format": "uuid", "readOnly": True},
        "boat": {"type": "string"},
        "came_at": {"type": "string", "format": "date-time", "readOnly": True},
    },
    "required": ["id", "came_at"],
}
BERTHS = {
    "title": "Berth",
    "x-resource": {"key": ["harbour", "number"], "references": {"boat": "boats.code"}, "table": "places"},
    "properties": {
        "harbour": {"type": "string"},
        "number": {"type": "integer"},
        "boat": {"type": "string"},
    },
    "required": ["harbour", "number"],
}
ODD = {
    "title": "Odd",
    "x-resource": {"key": "id"},
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "from": {"type": "string"},
        "update": {"type": "string"},
        "a b": {"type": "string"},
        "a_b_": {"type": "string"},
    },
    "required": ["id"],
}
HOSTILE = (
    *("__class__", "__dict__", "__data__", "__sql__", "__proto__", "_path", "_meta", "_schema", "_dirty", "Meta"),
    *("cls", "self", "select", "alias", "c", "rowid", "100%", "%s", "'", "`", "ﬁ", "fi", "²", "😀", "\u202e", " "),
)
"""Names that mean something to peewee, to SQL, to psycopg, or that Python reads as other names."""
NAMES = {
    "title": "Names",
    "x-resource": {"key": "id"},
    "properties": {"id": {"type": "integer", "readOnly": True}, **{name: {"type": "string"} for name in HOSTILE}},
    "required": ["id"],
}
BIG = {"type": "string", "format": "int64"}
POSTS = {
    "title": "Post",
    "x-resource": {"key": "id", "references": {"parent": "posts.id"}},
    "properties": {"id": BIG, "parent": {**BIG, "type": ["string", "null"]}, "score": {**BIG, "default": "-9"}},
    "required": ["id", "score"],
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "posts": POSTS,
    "boats": BOATS,
    "visits": VISITS,
    "berths": BERTHS,
    "odd-ones": ODD,
    "100%s": NAMES,
}
OWNER = uuid.UUID("0F0E0D0C-0B0A-4908-8706-050403020100")
NOON = datetime(2027, 5, 1, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schema")
    (folder / "resources").mkdir()
    for name, rules in SCHEMAS.items():
        text = json.dumps({"type": "object", "x-access": ANYONE, "additionalProperties": False, **rules})
        (folder / "resources" / f"{name}.schema.json").write_text(text)
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'models.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.lent() as url:
        yield url


@pytest.fixture
def db(url: str, folder: Path) -> Iterator[models.Models]:
    backends.migrations(url).apply(url, schema.unbundle(schema.bundle(schema.load(folder))).resources)
    db = models.open(url, schema=folder)
    yield db
    db.close()


@pytest.mark.parametrize("name", ["items", "keys", "values", "get"])
def test_a_resource_with_a_name_of_mappings_has_its_model(tmp_path: Path, name: str) -> None:
    boats = replace(schema.unbundle(schema.bundle(schema.load(None))).resources["users"], name=name)
    db = models.Models(peewee.SqliteDatabase(None), {name: boats})
    assert getattr(db, name) is db[name]
    assert issubclass(db[name], models.Row)
    assert (list(db), len(db), name in db) == ([name], 1, True)


def test_models_that_are_not_made_yet_have_no_resource() -> None:
    """Copying and unpickling ask for attributes before there are any."""
    with pytest.raises(AttributeError, match="no resource 'users'"):
        _ = models.Models.__new__(models.Models).users


def wire_rows(url: str, folder: Path, resource: str) -> list[dict[str, Any]]:
    """What the gateway sends for the rows of a resource."""

    async def read() -> list[dict[str, Any]]:
        store = await open_store(url, schema.unbundle(schema.bundle(schema.load(folder))).resources)
        try:
            return list((await store.read(ReadQuery(resource=resource))).rows)
        finally:
            await store.close()

    return asyncio.run(read())


def test_a_row_is_saved_in_the_form_that_the_gateway_sends(db: models.Models, url: str, folder: Path) -> None:
    boat = db.boats(code="a", weight=0.1 + 0.2, masts=3, afloat=False, tags=["x", 1], papers={"ä": None}, extra="text")
    boat.built, boat.seen_at, boat.owner, boat.pin = date(1999, 12, 31), NOON, OWNER, "1234"
    assert boat.save() == 1
    (row,) = wire_rows(url, folder, "boats")
    assert row == {
        "code": "a",
        "name": "nameless",
        "weight": 0.1 + 0.2,
        "masts": 3,
        "afloat": False,
        "tags": ["x", 1],
        "papers": {"ä": None},
        "extra": "text",
        "built": "1999-12-31",
        "seen_at": "2027-05-01T10:00:00.000005Z",
        "owner": "0f0e0d0c-0b0a-4908-8706-050403020100",
    }


def test_a_row_is_read_with_values_of_pythons_types(db: models.Models) -> None:
    values = {"weight": 1.5, "papers": {"a": [1]}, "built": date(999, 1, 2), "seen_at": NOON, "owner": OWNER}
    db.boats.create(code="a", **values)
    db.boats.create(code="b", seen_at="0999-05-01T12:00:00Z", built="1999-12-31", owner=str(OWNER))
    one, other = db.boats.select().order_by(db.boats.code)
    assert {name: getattr(one, name) for name in values} == values
    assert one.seen_at.tzinfo is UTC
    assert (one.afloat, one.tags, one.masts, one.pin) == (True, ["new"], None, None)
    assert other.seen_at == datetime(999, 5, 1, 12, tzinfo=UTC)
    assert (other.built, other.owner) == (date(1999, 12, 31), OWNER)
    boats = db.boats
    assert [boat.code for boat in boats.select().where(boats.seen_at > NOON - timedelta(seconds=1))] == ["a"]
    assert [boat.code for boat in boats.select().where(boats.built == date(1999, 12, 31))] == ["b"]
    assert boats.select().where(boats.owner == OWNER, boats.afloat).count() == 2


@pytest.mark.parametrize(
    ("field", "value"), [("seen_at", datetime(2027, 5, 1)), ("built", NOON), ("owner", "x"), ("seen_at", "soon")]
)
def test_a_value_that_has_no_canonical_form_is_refused(db: models.Models, field: str, value: object) -> None:
    with pytest.raises(ValueError):
        db.boats.create(code="a", **{field: value})
    assert db.boats.select().count() == 0


def test_the_database_enforces_what_the_schema_says_of_a_column(db: models.Models) -> None:
    for wrong in ({"code": "much too long"}, {"code": "a", "name": None}):
        with pytest.raises(peewee.IntegrityError):
            db.boats.create(**wrong)
    with pytest.raises(peewee.IntegrityError):
        db.berths.create(harbour="x", number=1, boat="nowhere")


def test_a_new_object_has_its_defaults_before_it_is_read_again(db: models.Models) -> None:
    boat = db.boats(code="a")
    assert (boat.name, boat.afloat, boat.tags) == ("nameless", True, ["new"])
    boat.tags.append("mine")
    assert db.boats(code="b").tags == ["new"]
    visit = db.visits.create(boat="a")
    assert isinstance(visit.id, uuid.UUID)
    assert abs(datetime.now(UTC) - visit.came_at) < timedelta(minutes=1)
    assert db.visits.get_by_id(visit.id).came_at == visit.came_at


def test_only_changed_columns_are_written(db: models.Models) -> None:
    """A client's change of another column at the same time is kept."""
    db.boats.create(code="a", name="ada", masts=1)
    mine = db.boats.get_by_id("a")
    db.boats.update(masts=2).execute()
    mine.name = "anna"
    mine.tags.append("mine")
    assert mine.save() == 1
    again = db.boats.get_by_id("a")
    assert (again.name, again.masts, again.tags) == ("anna", 2, ["new", "mine"])


def test_a_new_object_is_a_new_row_whatever_its_key(db: models.Models) -> None:
    assert db.boats(code="a").save() == 1
    assert db.berths(harbour="x", number=1, boat="a").save() == 1
    with pytest.raises(peewee.IntegrityError):
        db.boats(code="a", name="another").save()
    berth = db.berths.get(harbour="x")
    berth.boat = None
    assert berth.save() == 1
    assert [(one.number, one.boat) for one in db.berths.select()] == [(1, None)]
    odd = db["odd-ones"]()
    assert odd.save() == 1
    assert odd.id == 1


def test_bulk_statements_of_peewee_work(db: models.Models) -> None:
    db.boats.insert_many([{"code": f"{number}", "masts": number, "tags": [number]} for number in range(300)]).execute()
    boats = list(db.boats.select().where(db.boats.masts < 10))
    for boat in boats:
        boat.papers, boat.afloat, boat.seen_at = {"of": boat.code}, False, NOON
    fields = [db.boats.papers, db.boats.afloat, db.boats.seen_at]
    assert db.boats.bulk_update(boats, fields) == 10
    changed = {boat.code: (boat.papers, boat.seen_at) for boat in db.boats.select().where(~db.boats.afloat)}
    assert changed == {str(number): ({"of": str(number)}, NOON) for number in range(10)}
    db.boats.bulk_create([db.boats(code="x"), db.boats(code="y")], batch_size=1)
    assert db.boats.delete().where(db.boats.code << ["x", "y", "299"]).execute() == 3


def test_names_that_mean_something_to_python_or_peewee_get_an_underscore(db: models.Models) -> None:
    odd = db["odd-ones"]
    assert list(odd._meta.fields) == ["id", "from_", "update_", "a_b__", "a_b_"]
    row = odd.create(from_="here", update_="now", a_b__="x", a_b_="y")
    assert odd.get(odd.from_ == "here").a_b__ == "x"
    assert row.id == 1


def test_any_name_of_a_column_is_written_and_read(db: models.Models, url: str, folder: Path) -> None:
    fields = models.field_names(schema.load(folder).resources["100%s"])
    assert all(unicodedata.normalize("NFKC", name) == name for name in fields.values())
    table = db["100%s"]
    row = table.create(**{fields[name]: name for name in HOSTILE})
    assert {name: getattr(table.get_by_id(row.id), fields[name]) for name in HOSTILE} == {
        name: name for name in HOSTILE
    }
    assert table.select().where(*(getattr(table, fields[name]) == name for name in HOSTILE)).count() == 1
    (sent,) = wire_rows(url, folder, "100%s")
    assert sent == {"id": row.id, **{name: name for name in HOSTILE}}


def test_unknown_names_are_refused(db: models.Models) -> None:
    with pytest.raises(TypeError, match="Boat has no field 'maste'; did you mean 'masts'"):
        db.boats(code="a", maste=1)
    with pytest.raises(AttributeError, match="it has: 100%s, berths, boats, odd-ones, posts, visits"):
        _ = db.boots


def test_a_model_has_the_title_of_its_schema(db: models.Models) -> None:
    assert sorted(db) == sorted(SCHEMAS)
    assert (db.boats.__name__, db.boats.__doc__) == ("Boat", "What lies in the harbour.")
    assert db.berths._meta.table_name == "places"
    assert {"boats", "atomic"} <= set(dir(db))


def test_a_transaction_is_kept_or_undone_as_a_whole(db: models.Models) -> None:
    with db:
        db.boats.create(code="a")
        with pytest.raises(ZeroDivisionError), db.atomic():
            db.boats.create(code="b")
            _ = 1 / 0
    assert db.database.is_closed()
    with pytest.raises(ZeroDivisionError), db:
        db.boats.create(code="c")
        _ = 1 / 0

    @db.atomic()  # type: ignore[untyped-decorator]  # peewee's
    def create(code: str) -> None:
        db.boats.create(code=code)

    create("d")
    assert sorted(boat.code for boat in db.boats.select()) == ["a", "d"]


def test_threads_write_at_the_same_time(db: models.Models) -> None:
    """Each transaction reads before it writes, and none fails because another one wrote in between."""
    db.boats.create(code="a", masts=0)
    failures: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(3):
                with db:
                    query = db.boats.select()
                    boat = (query if isinstance(db.database, peewee.SqliteDatabase) else query.for_update()).get()
                    boat.masts += 1
                    boat.save()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=count) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert db.boats.get_by_id("a").masts == 120


def test_models_do_not_make_or_drop_tables(db: models.Models, url: str, folder: Path) -> None:
    with pytest.raises(StoreError, match="tidegate migrate"):
        db.boats.create_table()
    with pytest.raises(StoreError, match="tidegate migrate --new"):
        db.boats.drop_table()


def test_a_database_that_is_not_ready_is_refused_with_the_command_to_type(url: str, folder: Path) -> None:
    with pytest.raises(Unmigrated, match="tidegate migrate --database"):
        models.open(url, schema=folder)


def test_integers_of_64_bits_are_int(db: models.Models, url: str, folder: Path) -> None:
    first, second = 110_000_000_000_000_001, 110_000_000_000_000_002
    post = db.posts(id=first)
    assert post.score == -9
    post.save()
    db.posts.create(id=second, parent=first, score=2**63 - 1)
    db.posts.create(id=-(2**63), parent=str(second))
    assert [post.parent for post in db.posts.select().where(db.posts.score > 2**53)] == [first]
    assert [post.id for post in db.posts.select().order_by(db.posts.id)] == [-(2**63), first, second]
    assert wire_rows(url, folder, "posts") == [
        {"id": str(-(2**63)), "parent": str(second), "score": "-9"},
        {"id": str(first), "parent": None, "score": "-9"},
        {"id": str(second), "parent": str(first), "score": str(2**63 - 1)},
    ]
