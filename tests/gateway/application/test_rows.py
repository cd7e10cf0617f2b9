"""Rows for handlers: in the name of a user, with its permissions, or of the application itself. On both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.application.shop import Shop, bearer, open_shop
from tests.support.wire import wire
from tidegate.handlers import APPLICATION, SYSTEM, Call, Identity, Principal, Refused


class Note(msgspec.Struct):
    id: int
    owner: str
    text: str
    team: str = "none"


def refusing(do: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        do()
    return [caught.value.code, caught.value.pointer or ""]


async def test_rows_in_the_name_of_users_and_of_the_application(tmp_path: Path, database_url: str) -> None:
    shop = Shop()
    gateway = shop.gateway

    @shop.action
    def by_user(_: Any, call: Call) -> Any:
        notes = gateway.rows("notes", as_user=call.principal)
        made = notes.create({"owner": "ada", "text": "mine"}, key="one").value
        assert made == notes.create({"owner": "ada", "text": "mine"}, key="one").value, "it is done once"
        assert made is not None
        id = made["id"]
        return [
            made["team"],
            refusing(lambda: notes.create({"owner": "bob", "text": "x"})),
            refusing(lambda: notes.create({"owner": "ada", "text": ""})),
            refusing(lambda: notes.create({"owner": "ada", "text": "other"}, key="one")),
            (notes.update(id, {"text": "changed"}).value or {})["text"],
            refusing(lambda: notes.update(id, {"text": "x"}, expected={"text": "mine"})),
            refusing(lambda: notes.update(id + 100, {"text": "x"})),
            [row["text"] for row in notes.list({"team": "red"}).value],
            notes.count().value,
            notes.get(id + 100).value,
            notes.delete(id).value,
            notes.get(id).value,
        ]

    @shop.action
    async def by_system(_: Any, call: Call) -> Any:
        notes = gateway.rows("notes", as_user=SYSTEM, model=Note)
        made = await notes.create_all([{"owner": name, "text": name, "team": "red"} for name in ("bob", "eve")])
        with pytest.raises(Refused, match="must"):
            await notes.create(Note(id=0, owner="x", text=""))
        with pytest.raises(TypeError, match="as_user"):
            gateway.rows("notes", as_user=None)  # type: ignore[call-overload]  # what it refuses
        with pytest.raises(TypeError, match="as_user"):
            gateway.rows("notes", as_user=call.user)  # type: ignore[call-overload]  # it has no claims
        eve = Identity(Principal(id="eve", name="Eve", roles=[], anonymous=False))
        seen = await gateway.rows("notes", as_user=eve, model=Note).list(sort=[{"field": "text", "order": "desc"}])
        return [[note.text for note in made], [note.owner for note in seen]]

    async with (
        open_shop(tmp_path, shop, database_url) as inside,
        wire(inside.url, **bearer("ada", team="red")) as ada,
        wire(inside.url) as other,
    ):
        await ada.ask({"type": "subscribe", "resource": "notes"})
        assert (await other.ask({"type": "waits", "what": "by_system"}))["result"] == [["bob", "eve"], ["eve"]]
        assert (await ada.ask({"type": "plain", "what": "by_user"}))["result"] == [
            "none",
            ["forbidden", "/data"],
            ["invalid_data", "/data/text"],
            ["conflict", "/key"],
            "changed",
            ["conflict", "/if/text"],
            ["not_found", "/id"],
            ["bob", "eve"],
            3,
            None,
            None,
            None,
        ]
        while not any(message.get("action") == "delete" for message in ada.heard):
            await ada.hear("update")
        told = [message.get("origin") for message in ada.heard if message["type"] == "update"]
        assert told == [None, None, "one", None, None], "a user learns which changes were its own"
        changes = await inside.store.changes(0, 100, 100)
        assert [change.actor for change in changes] == [APPLICATION.id] * 2 + ["ada"] * 3


async def test_a_rule_narrows_what_a_handler_does_for_a_user_and_cannot_ask_the_gateway(tmp_path: Path) -> None:
    shop = Shop()
    gateway = shop.gateway
    asked: list[str] = []

    @gateway.rule("notes", "read")
    def of_the_owner(user: Principal, claims: Any) -> Any:
        try:
            gateway.rows("notes", as_user=SYSTEM).list()
        except Exception as error:  # what the test is about
            asked.append(str(error))
        return {"text": claims["word"]}

    @shop.action
    async def look(_: Any, call: Call) -> Any:
        await gateway.rows("notes", as_user=SYSTEM).create_all(
            [{"owner": "ada", "text": text} for text in ("red", "blue")]
        )
        return [row["text"] for row in await gateway.rows("notes", as_user=call.principal).list()]

    async with open_shop(tmp_path, shop) as inside, wire(inside.url, **bearer("ada", word="blue")) as ada:
        assert (await ada.ask({"type": "waits", "what": "look"}))["result"] == ["blue"]
    assert asked == ["a rule about rows cannot ask the gateway, which waits for the rule"]
