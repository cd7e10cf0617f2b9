"""Tables of another program whose columns have collations, and files whose text is UTF-16.

Filters, orders and keys mean the same there as everywhere: by code point, case and all. UTF-16 is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.core.filters.filter_cases import CASES
from tests.store.application import ANYONE
from tests.store.mutations import refused
from tests.store.things import RESOURCE, Things, columns
from tests.support.cases import every_case
from tests.support.sqlite import foreign
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import Mutation, ReadQuery
from tidegate.schema.resource import read_resource
from tidegate.store import SqliteStore, StoreError
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.connection import connect
from tidegate.store.sqlite.migration import migrate
from tidegate.store.sqlite.serving.reader import Reader

TEXTS = [case for case in CASES if "text" in case.filters]
WORDS = {
    "title": "Word",
    "type": "object",
    "x-resource": {"key": "word"},
    "x-access": ANYONE,
    "properties": {"word": {"type": "string"}, "note": {"type": "string"}},
    "required": ["word"],
}
RESOURCES = {"words": read_resource("words", WORDS, {})}


def executed(path: Path, *statements: str) -> None:
    """As another program."""
    with foreign(path) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture(scope="module", params=["NOCASE", "RTRIM"])
def collation(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def cases(collation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Things]:
    """The row of each case under the case's number."""
    path = tmp_path_factory.mktemp("cases") / "things.db"
    declared = ", ".join(f"{quoted(name)} TEXT COLLATE {collation}" for name in ("text", 't."select" %', "never_null"))
    others = ", ".join(
        f"{quoted(name)}{' INTEGER' if prop.is_int64 else ''}"
        for name, prop in RESOURCE.properties.items()
        if quoted(name) not in declared and name != "id"
    )
    executed(path, f"CREATE TABLE things (id INTEGER PRIMARY KEY NOT NULL, {declared}, {others})")
    migrate.apply(f"sqlite:///{path}", {"things": RESOURCE})
    reader = Reader(path, {"things": RESOURCE})
    things = Things(path, reader)
    things.put({"id": number, **columns(case.row)} for number, case in enumerate(TEXTS))
    yield things
    things.close()
    reader.close()


@pytest.fixture
async def store(collation: str, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    declared = f"word TEXT COLLATE {collation} PRIMARY KEY NOT NULL, note TEXT COLLATE {collation}"
    executed(
        tmp_path / "words.db",
        f"CREATE TABLE words ({declared})",
        "INSERT INTO words VALUES ('b', 'x'), ('A ', 'y'), ('a!', NULL), ('B!', 'x')",
    )
    url = f"sqlite:///{tmp_path / 'words.db'}"
    migrate.apply(url, RESOURCES)
    store = await SqliteStore.open(url, RESOURCES)
    yield store
    await store.close()


def test_a_filter_ignores_the_collation_of_the_column(cases: Things) -> None:
    with every_case() as case:
        for number, one in enumerate(TEXTS):
            with case(one):
                found = cases.ids(compile_filters(one.filters), keys=({"id": number},))
                assert found == ([number] if one.expected else [])


async def test_rows_are_sorted_by_code_point(store: SqliteStore) -> None:
    for sort, expected in (((), ["A ", "B!", "a!", "b"]), ((("note", "desc"),), ["A ", "B!", "b", "a!"])):
        found = await store.read(ReadQuery(resource="words", sort=sort))  # type: ignore[arg-type]  # words of a tuple
        assert [row["word"] for row in found.rows] == expected


async def test_a_key_finds_its_row_and_none_with_a_similar_key(store: SqliteStore) -> None:
    keys = tuple({"word": word} for word in ("b", "B", "b ", "A ", "A", "a "))
    found = await store.read(ReadQuery(resource="words", keys=keys))
    assert [row["word"] for row in found.rows] == ["A ", "b"]
    for word in ("B", "b "):
        for kind in ("update", "delete"):
            mutation = Mutation(kind=kind, resource="words", keys=({"word": word},), data={"note": "z"})
            assert await refused(store, mutation) == ("not_found", "/id", None)
    done = await store.write(Mutation(kind="delete", resource="words", keys=({"word": "b"},)))
    assert done.rows == [{"word": "b"}]


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_file_whose_text_is_utf_16_is_refused(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "wide.db"
    executed(path, f"PRAGMA encoding = '{encoding}'", "CREATE TABLE words (word TEXT PRIMARY KEY NOT NULL, note TEXT)")
    for ask in (lambda: migrate.apply(f"sqlite:///{path}", RESOURCES), lambda: connect(path)):
        with pytest.raises(StoreError, match=f"wide.db is {encoding}; Tidegate needs UTF-8"):
            ask()
