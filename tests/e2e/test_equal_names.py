"""Repeated names in a JSON object: the last one counts, for validation, permissions, execution, sending and storing.

JSON does not define it (RFC 8259, section 4). A gateway that checked one value and used the other would let a client
bypass its rules.
"""

from __future__ import annotations

from tests.support.gateway import GatewayProcess
from tests.support.wire import Message, Wire, wire


async def asked(client: Wire, text: str) -> Message:
    """The answer to `text`, whose last `ref` is "it"."""
    await client.say(text)
    return await client.hear(lambda heard: heard.get("ref") == "it")


async def test_the_gateway_checks_and_executes_the_last_type(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as guest:
        made = await guest.ask({"type": "create", "resource": "users", "data": {"name": "A", "email": "a@b.cc"}})
        key = made["rows"][0]["id"]
        about = f'"resource":"users","id":{key},"ref":"it"'

        answer = await asked(guest, f'{{"type":"get",{about},"type":"delete"}}')
        assert (answer["type"], answer["code"]) == ("error", "unauthenticated")
        answer = await asked(guest, f'{{"type":"delete",{about},"type":"get"}}')
        assert (answer["type"], [row["id"] for row in answer["rows"]]) == ("rows", [key])

        answer = await asked(guest, '{"type":"join","room":"chat-1","ref":"it","type":"create"}')
        assert (answer["code"], answer["pointer"]) == ("invalid_message", "/room")
        answer = await asked(
            guest, '{"type":"create","type":"join","room":"tasks","room":"chat-1","ref":"not it","ref":"it"}'
        )
        assert (answer["type"], answer["room"]) == ("joined", "chat-1")
    assert gateway.select("SELECT id FROM users") == [(key,)]


async def test_the_gateway_applies_the_rules_of_the_last_resource(gateway: GatewayProcess) -> None:
    gateway.execute("INSERT INTO users (id, name, email) VALUES (1, 'A', 'a@b.cc')")
    gateway.execute("INSERT INTO tasks (id, title, user_id) VALUES (1, 'T', 1)")
    async with wire(gateway.url) as guest:
        answer = await asked(guest, '{"type":"delete","resource":"tasks","id":1,"ref":"it","resource":"users"}')
        assert (answer["type"], answer["code"]) == ("error", "unauthenticated")
        answer = await asked(guest, '{"type":"delete","resource":"users","id":1,"ref":"it","resource":"tasks"}')
        assert answer["type"] == "rows"
    assert gateway.select("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM tasks)") == [(1, 0)]


async def test_the_gateway_checks_sends_and_stores_the_last_value_in_data(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as user:
        await user.ask({"type": "join", "room": "chat-1"})
        await user.say('{"type":"message","room":"chat-1","data":{"text":7,"text":"last"}}')
        assert (await user.hear("message"))["data"] == {"text": "last"}

        answer = await asked(user, '{"type":"message","room":"chat-1","data":{"text":"a","text":7},"ref":"it"}')
        assert (answer["code"], answer["pointer"]) == ("invalid_data", "/data/text")

        answer = await asked(
            user,
            '{"type":"create","resource":"users","data":{"name":"First","email":"a@b.cc","name":"Last"},"ref":"it"}',
        )
        assert answer["rows"][0]["name"] == "Last"
    assert gateway.select("SELECT name FROM users") == [("Last",)]
