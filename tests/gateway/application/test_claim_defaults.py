"""Claims of the user as defaults of new rows, over a WebSocket, HTTP and `gateway.rows`, on both databases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.gateway.application.shop import Shop, bearer, open_shop, token
from tests.gateway.http.client import http
from tests.support.wire import wire
from tidegate.handlers import SYSTEM, Call, Refused

ID = {"type": "integer", "minimum": 1, "maximum": 9007199254740991, "readOnly": True}
PAPERS: dict[str, Any] = {
    "title": "Paper",
    "x-resource": {"key": "id", "unique": [["owner", "text"]]},
    "x-access": {"read": "anyone", "create": {"where": {"org": "$user.org"}}, "update": "anyone"},
    "type": "object",
    "properties": {
        "id": ID,
        "owner": {"type": "string", "maxLength": 64, "readOnly": True, "default": "$user.id"},
        "org": {"type": "string", "maxLength": 8, "pattern": "^[a-z]+$", "default": "$user.org"},
        "level": {"type": ["integer", "null"], "minimum": 1, "default": "$user.rank.level"},
        "text": {"type": "string"},
    },
    "required": ["id", "owner", "org", "text"],
    "if": {"properties": {"level": {"const": 9}}, "required": ["level"]},
    "then": {"properties": {"org": {"const": "top"}}},
    "additionalProperties": False,
}
PROFILES: dict[str, Any] = {
    "title": "Profile",
    "x-resource": {"key": "user"},
    "x-access": {"read": "anyone", "create": "anyone"},
    "type": "object",
    "properties": {"user": {"type": "integer", "readOnly": True, "default": "$user.id"}, "text": {"type": "string"}},
    "required": ["user", "text"],
    "additionalProperties": False,
}
RANK = {"level": 3}


def application(folder: Path) -> Shop:
    (folder / "schema" / "resources").mkdir(parents=True)
    for name, content in (("papers", PAPERS), ("profiles", PROFILES)):
        (folder / "schema" / "resources" / f"{name}.schema.json").write_text(json.dumps(content))
    shop = Shop()

    @shop.action
    def create(data: Any, call: Call) -> Any:
        return shop.gateway.rows("papers", as_user=call.principal).create(data).value

    @shop.action
    def by_system(data: Any, call: Call) -> Any:
        papers = shop.gateway.rows("papers", as_user=SYSTEM)
        try:
            return papers.create(data).value
        except Refused as refused:
            return [refused.code, refused.pointer]

    return shop


def create(data: Any, resource: str = "papers", **more: Any) -> dict[str, Any]:
    return {"type": "create", "resource": resource, "data": data, **more}


async def test_claims_of_the_user_fill_new_rows(tmp_path: Path, database_url: str) -> None:
    shop = application(tmp_path)
    async with (
        open_shop(tmp_path, shop, database_url) as inside,
        wire(inside.url, **bearer("7", org="acme", rank=RANK)) as ada,
        http(inside, token("7", org="acme", rank=RANK)) as by_http,
    ):
        (made,) = (await ada.ask(create({"text": "a"})))["rows"]
        assert made == {"id": made["id"], "owner": "7", "org": "acme", "level": 3, "text": "a"}
        several = (await ada.ask(create([{"text": "b", "level": None}, {"text": "c", "level": 5, "org": "acme"}])))[
            "rows"
        ]
        assert [(row["owner"], row["org"], row["level"]) for row in several] == [("7", "acme", None), ("7", "acme", 5)]
        answer = await by_http.ask("POST", "/api/resources/papers", {"text": "d"})
        assert (answer.status, json.loads(answer.body)["owner"], json.loads(answer.body)["org"]) == (201, "7", "acme")
        made = (await ada.ask({"type": "plain", "what": "create", "with": {"text": "e"}}))["result"]
        assert (made["owner"], made["org"], made["level"]) == ("7", "acme", 3)
        system = {"type": "plain", "what": "by_system"}
        made = (await ada.ask({**system, "with": {"text": "f", "org": "own", "level": 1}}))["result"]
        assert (made["owner"], made["org"]) == ("tidegate:application", "own")
        assert (await ada.ask({**system, "with": {"text": "f"}}))["result"] == ["forbidden", "/data"]
        (made,) = (await ada.ask(create({"text": "me"}, "profiles")))["rows"]
        assert made == {"user": 7, "text": "me"}, "a claim becomes a value of the property, also where it is the key"
        keyed = create({"text": "g"}, key="g")
        first, again = await ada.ask(keyed), await ada.ask(keyed)
        assert first["rows"] == again["rows"]


async def test_what_a_claim_cannot_fill_is_refused_with_a_pointer_into_the_message(
    tmp_path: Path, database_url: str
) -> None:
    async with open_shop(tmp_path, application(tmp_path), database_url) as inside:
        for claims, data, refused in (
            ({}, {"text": "a"}, ("forbidden", "/data", "'org'", "missing")),
            ({"org": None}, {"text": "a"}, ("forbidden", "/data", "'org'", "missing")),
            ({"org": "acme"}, [{"text": "a", "level": 1}, {"text": "a"}], ("forbidden", "/data/1", "'rank.level'", "")),
            ({"org": "acme", "rank": {"level": "x"}}, {"text": "a"}, ("forbidden", "/data", "no value of 'level'", "")),
            ({"org": "acme", "rank": {"level": 0}}, {"text": "a"}, ("forbidden", "/data", "no value of 'level'", "")),
            ({"org": "much too long", "rank": RANK}, {"text": "a"}, ("forbidden", "/data", "no value of 'org'", "")),
            ({"org": "Acme", "rank": RANK}, {"text": "a"}, ("forbidden", "/data", "no value of 'org'", "")),
            ({"org": ["acme"], "rank": RANK}, {"text": "a"}, ("forbidden", "/data", "no value of 'org'", "")),
            ({"org": "acme", "rank": RANK}, {"text": "a", "owner": "eve"}, ("invalid_data", "/data/owner", "", "")),
            ({"org": "acme", "rank": RANK}, {"text": "a", "org": "other"}, ("forbidden", "/data", "", "")),
            ({"org": "acme", "rank": {"level": 9}}, {"text": "a"}, ("invalid_data", "/data", "org of the", "")),
        ):
            async with wire(inside.url, **bearer("7", **claims)) as client:
                error = await client.ask(create(data))
            code, pointer, *words = refused
            assert (error.get("code"), error.get("pointer", "")) == (code, pointer), (claims, error)
            assert all(word in error["message"] for word in words), error
            assert "much" not in error["message"], "no claim of the token is shown"
        async with wire(inside.url, **bearer("7", org="acme", rank=RANK)) as client:
            await client.ask(create({"text": "twice"}))
            error = await client.ask(create({"text": "twice"}))
            assert (error["code"], error["pointer"]) == ("conflict", "/data/text"), "the client did not send the owner"
        async with wire(inside.url) as client:
            error = await client.ask(create({"text": "me"}, "profiles"))
            assert (error["code"], error["pointer"]) == ("forbidden", "/data"), "its id is no integer"
