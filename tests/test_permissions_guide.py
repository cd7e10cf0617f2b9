"""docs/how-to/permissions.md: its schema, its rules and its Python run as they stand there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.room_rules import MEMBER
from tests.e2e.test_row_rules import ids, signed_in
from tests.support.gateway import ROOT, GatewayProcess, tidegate
from tests.support.wire import Wire, wire

GUIDE = (ROOT / "docs" / "how-to" / "permissions.md").read_text()
BLOCKS = {kind: re.findall(rf"^```{kind}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL) for kind in ("json", "python")}
NOTES, FILLED, DOCS = BLOCKS["json"]
PAPERS = {
    "title": "Paper",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": {"create": "authenticated", "read": "authenticated"},
    "properties": {"id": {"type": "integer", "readOnly": True}, **json.loads("{" + FILLED + "}")},
    "required": ["id", "owner_id", "org"],
    "additionalProperties": False,
}
KINDS = ("join", "message", "history")
ROWS = [(1, 1, "red", 0), (2, 1, None, 1), (3, 2, "red", 0), (4, 2, "blue", 0), (5, 2, None, 1)]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    resources = tmp_path / "schema" / "resources"
    resources.mkdir(parents=True)
    (resources / "notes.schema.json").write_text(NOTES)
    (resources / "papers.schema.json").write_text(json.dumps(PAPERS))
    (resources / "members.schema.json").write_text(json.dumps(MEMBER))
    (tmp_path / "schema" / "rooms").mkdir()
    (tmp_path / "schema" / "rooms" / "doc.schema.json").write_text(DOCS)
    process = GatewayProcess(tmp_path, "--dev", "--schema", "schema", "--handlers", "rules:gateway")
    process.migrate()
    for row in ROWS:
        process.execute("insert into notes (id, owner_id, team, shared, text) values (?, ?, ?, ?, 'text')", *row)
    yield process
    process.stop()


async def test_the_schema_gives_users_the_rows_that_it_says(gateway: GatewayProcess, tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text("from tidegate.handlers import Gateway\ngateway = Gateway()\n")
    gateway.start()
    async with signed_in(gateway, "1", "--claim", 'teams=["blue"]') as user:
        assert await ids(user) == [1, 2, 4, 5]
        assert await codes(user, 99, "update") == await codes(user, 3, "update") == ("not_found", "/id")
        assert await codes(user, 4, "update") == await codes(user, 4, "delete") == ("forbidden", "/id")
        moved = await user.ask({"type": "update", "resource": "notes", "id": 1, "data": {"owner_id": 2}})
        assert (moved["code"], moved["pointer"]) == ("forbidden", "/data")
    async with wire(gateway.url) as guest:
        assert await ids(guest) == [2, 5]
    async with signed_in(gateway, "7", "--claim", "org=acme") as user:
        made = await user.ask({"type": "create", "resource": "papers", "data": {}})
        assert made["rows"] == [{"id": 1, "owner_id": 7, "org": "acme"}]


async def test_the_python_narrows_it(gateway: GatewayProcess, tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text("\n".join(BLOCKS["python"]))
    gateway.start()
    rows = {}
    for who in (("1",), ("2",), ("3",), ("4", "--role", "auditor")):
        async with signed_in(gateway, *who) as user:
            rows[who[0]] = await ids(user)
    assert rows == {"1": [1], "2": [], "3": [], "4": [1, 2, 3, 4, 5]}


async def test_rows_and_python_decide_about_rooms(gateway: GatewayProcess, tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text("\n".join(BLOCKS["python"]))
    for doc in (1, 9):
        gateway.execute("insert into members (doc_id, user_id) values (?, '7')", doc)
    gateway.start()
    async with signed_in(gateway, "7") as user, signed_in(gateway, "8") as stranger:
        asked = {f"doc-{doc}": [await answer(user, f"doc-{doc}", kind) for kind in KINDS] for doc in (1, 9, 2)}
        assert asked == {
            "doc-1": ["joined", "sent", "forbidden"],
            "doc-9": ["joined", "forbidden", "forbidden"],
            "doc-2": ["forbidden", "not_joined", "not_joined"],
        }
        assert await answer(stranger, "doc-1", "join") == "forbidden"


async def answer(user: Wire, room: str, kind: str) -> str:
    data = {"data": {"text": "x"}} if kind == "message" else {}
    reply = await user.ask({"type": kind, "room": room, **data})
    return str(reply.get("code", reply["type"]))


async def codes(user: Wire, id: int, kind: str) -> tuple[str, str]:
    data = {"data": {"text": "x"}} if kind == "update" else {}
    refused = await user.ask({"type": kind, "resource": "notes", "id": id, **data})
    return refused["code"], refused["pointer"]


@pytest.mark.process
def test_every_rule_of_the_table_is_one(tmp_path: Path) -> None:
    found = re.search(r"^\| rule \| who \|\n\|[-|]+\|\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    assert found is not None
    rules = [json.loads(rule) for rule in re.findall(r"^\| `(.*?)` \|", found[1], re.MULTILINE)]
    assert len(rules) == 6
    (tmp_path / "resources").mkdir()
    for number, rule in enumerate(rules):
        schema = json.loads(NOTES) | {"title": f"Note{number}", "x-access": {"read": rule}}
        (tmp_path / "resources" / f"notes{number}.schema.json").write_text(json.dumps(schema))
    checked = tidegate("check", "--schema", str(tmp_path), cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
