"""Schema files that nothing reads: `check` names them, and says where they belong."""

from __future__ import annotations

from pathlib import Path

from tests.support.cases import every_case
from tidegate.schema import unread_files

READ = (
    "client/a.schema.json", "client/a.json", "types/.hidden.json", "client/README.md", "seed.json", "README.md",
    ".x.json",
    "meta/client_message.schema.json", "migrations/0001_a.py", "sql/a.sql", "examples/valid/a.json", 
    "rooms/.git/a.json", "notes/README.md",
)  # fmt: skip
UNREAD = {
    "order.schema.json": ("order.schema.json", "client/, server/, rooms/, resources/ and types/", False),
    "messages/order.schema.json": ("messages/", "client/, server/", False),
    "Client/order.json": ("Client/", "to client/", False),
    "resource/users.schema.json": ("resource/", "to resources/", False),
    "tables/users.schema.json": ("tables/", "to resources/", False),
    "events/order.schema.json": ("events/", "to server/", False),
    "definitions/order.schema.json": ("definitions/", "to types/", False),
    "channels/chat.json": ("channels/", "to rooms/", False),
    "client/shop/order.schema.json": ("client/shop/order.schema.json", "to client/order.schema.json", False),
    "client/order.yaml": ("client/order.yaml", "order.schema.json", False),
    "rooms/chat.json5": ("rooms/chat.json5", "chat.schema.json", False),
    "types/ref.schema.yml": ("types/ref.schema.yml", "ref.schema.json", False),
    "seeds.json": ("seeds.json", "did you mean 'seed.json'?", True),
    "package.json": ("package.json", "nothing reads this file", True),
    "fixtures/users.json": ("fixtures/", "nothing reads this folder", True),
}
"""By the path of a file: the file that is named, a part of the text, and whether it is a hint."""


def put(folder: Path, path: str) -> Path:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("{}")
    return folder


def test_files_that_are_read_or_are_no_schemas_are_not_named(tmp_path: Path) -> None:
    for path in READ:
        put(tmp_path, path)
    assert list(unread_files(tmp_path)) == []


def test_each_file_that_nothing_reads_is_named_with_its_place(tmp_path: Path) -> None:
    with every_case() as case:
        for number, (path, (named, said, hint)) in enumerate(UNREAD.items()):
            with case(path):
                (problem,) = unread_files(put(tmp_path / str(number), path))
                assert (problem.file, problem.hint) == (named, hint)
                assert said in problem.reason
