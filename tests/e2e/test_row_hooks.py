"""Row rules in Python: they narrow the permissions of the schema, and deny access if they fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_row_rules import NOTE, ROWS, ids, signed_in, subscribed, write
from tests.support.gateway import GatewayProcess, tidegate

HANDLERS = """
from tidegate.handlers import Gateway

gateway = Gateway()

@gateway.rule("notes", "read", "update")
def of_the_users_teams(user, claims):
    if user.id == "broken":
        return {"colour": "red"}
    if user.id == "failing":
        raise OSError("no such team")
    if user.id in ("all", "none"):
        return user.id == "all"
    return {"team": {"in": claims["teams"]}}
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    (tmp_path / "schema" / "resources").mkdir(parents=True)
    schema = {**NOTE, "x-access": {"read": "authenticated", "update": "role:editor"}}
    (tmp_path / "schema" / "resources" / "notes.schema.json").write_text(json.dumps(schema))
    (tmp_path / "rules.py").write_text(HANDLERS)
    process = GatewayProcess(tmp_path, "--dev", "--schema", "schema", "--handlers", "rules:gateway")
    process.migrate()
    for row in ROWS:
        write(process, "insert into notes (id, owner, team, shared, text) values (?, ?, ?, ?, 'text')", *row)
    process.start()
    yield process
    process.stop()


async def test_a_python_rule_decides_which_rows_a_user_sees_and_changes(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "1", "--claim", 'teams=["red"]') as client:
        assert await ids(client) == [1, 3]
        _, page = await subscribed(client)
        assert [row["id"] for row in page["rows"]] == [1, 3]
        change = {"type": "update", "resource": "notes", "id": 1, "data": {"text": "x"}}
        assert (await client.ask(change))["code"] == "forbidden", "the schema allows it to editors only"
        editor = gateway.token("1", "--claim", 'teams=["blue"]', "--role", "editor")
        await client.ask({"type": "authenticate", "token": editor})
        assert [row["id"] for row in (await client.hear("snapshot"))["rows"]] == [4]
        assert (await client.ask(change))["code"] == "not_found"
        assert (await client.ask({**change, "id": 4}))["rows"][0]["text"] == "x"
        assert (await client.heard_of("update"))["data"]["id"] == 4
        refused = await client.ask({**change, "id": 4, "data": {"team": "red"}})
        assert (refused["code"], refused["pointer"]) == ("forbidden", "/data")


async def test_a_python_rule_may_allow_all_rows_or_none(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "all") as client:
        assert await ids(client) == [1, 2, 3, 4, 5]
    async with signed_in(gateway, "none") as client:
        assert await ids(client) == []


@pytest.mark.parametrize("user", ["broken", "failing", "1"])
async def test_a_failing_python_rule_denies_access(gateway: GatewayProcess, user: str) -> None:
    async with signed_in(gateway, user) as client:
        for request in ({"type": "list"}, {"type": "get", "id": 1}, {"type": "subscribe"}):
            refused = await client.ask({**request, "resource": "notes"})
            assert (refused["type"], refused["code"]) == ("error", "internal")
            assert "team" not in refused["message"]
        assert (await client.ask({"type": "ping"}))["type"] == "pong"
    assert "the rule of_the_users_teams failed" in gateway.log_file.read_text()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('@gateway.rule("boats", "read")', "'boats', which is no resource"),
        ('@gateway.rule("notes")', "name an action"),
        ('@gateway.rule("notes", "read")', "two rules for 'read' of 'notes'"),
    ],
)
def test_serve_reports_a_rule_for_an_unknown_resource(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "schema" / "resources").mkdir(parents=True)
    (tmp_path / "schema" / "resources" / "notes.schema.json").write_text(json.dumps(NOTE))
    (tmp_path / "rules.py").write_text(HANDLERS + f"\n{line}\ndef another(user, claims):\n    return True\n")
    assert tidegate("migrate", cwd=tmp_path).returncode == 0
    done = tidegate("serve", "--port", "0", "--handlers", "rules:gateway", cwd=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr
