"""A gateway over an application's schema folder: its rows, rooms and rules."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.test_package import NOTE
from tests.support.gateway import GatewayProcess, tidegate
from tests.support.wire import wire

LOBBY = {
    "title": "Lobby",
    "type": "object",
    "x-room": {"pattern": "lobby"},
    "x-access": {"join": "authenticated", "send": "role:host"},
    "properties": {"line": {"type": "string"}},
    "required": ["line"],
    "additionalProperties": False,
}


async def test_the_gateway_enforces_application_rules_and_denies_the_rest(tmp_path: Path) -> None:
    for name, schema in {"resources/notes": NOTE, "rooms/lobby": LOBBY}.items():
        file = tmp_path / "schema" / f"{name}.schema.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(schema))
    migrated = tidegate("migrate", cwd=tmp_path)
    assert migrated.returncode == 0, migrated.stderr
    process = GatewayProcess(tmp_path, "--dev", "--schema", "schema")
    process.start()
    try:
        process.execute("insert into notes (owner, text) values ('1', 'mine')")
        guest, host = (
            tidegate("token", "--dev", "--user", "1", *role, cwd=tmp_path).stdout.strip()
            for role in ((), ("--role", "host"))
        )
        async with wire(process.url) as client:
            assert (await client.ask({"type": "list", "resource": "notes"}))["rows"] == []
            assert (await client.ask({"type": "list", "resource": "users"}))["code"] == "unknown_resource"
            assert (await client.ask({"type": "join", "room": "chat-1"}))["code"] == "unknown_room"
            assert (await client.ask({"type": "join", "room": "lobby"}))["code"] in {"forbidden", "unauthenticated"}
            await client.ask({"type": "authenticate", "token": guest})
            assert (await client.ask({"type": "join", "room": "lobby"}))["type"] == "joined"
            said = {"type": "message", "room": "lobby", "data": {"line": "good evening"}}
            assert (await client.ask(said))["code"] == "forbidden"
            await client.ask({"type": "authenticate", "token": host})
            assert (await client.ask(said))["type"] == "sent"
            assert [row["text"] for row in (await client.ask({"type": "list", "resource": "notes"}))["rows"]] == [
                "mine"
            ]
            note = {"type": "update", "resource": "notes", "id": 1, "data": {"text": "new"}}
            assert (await client.ask(note))["code"] == "forbidden"
    finally:
        process.stop()
