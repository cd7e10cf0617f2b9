"""Rows as resources of HTTP: lists, single rows, entity tags, and what creates, changes and removes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.gateway.http.client import Http, http, token
from tests.transport.inside import Inside, running
from tidegate.core.rows.tags import tag

THINGS = "/api/resources/things"
ODD = {
    "code": 'ä/"\\ \u2028',
    "price": 1e23,
    "amount": -3,
    "done": True,
    "at": "2026-02-01T10:00:00.5+01:00",
    "big": "9223372036854775807",
    "tags": ["b", "a"],
    "about": {"z": 1.0, "a": [None, {"b": 0.1}]},
    "secret": "hidden",
}


@pytest.fixture
async def store(tmp_path: Path, schema_folder: Path, database: str) -> AsyncIterator[Inside]:
    """A gateway on each kind of database."""
    async with running(tmp_path, schema=str(schema_folder), database=database) as inside:
        yield inside


async def test_row_has_one_tag_however_it_is_read_and_another_one_after_each_change(store: Inside) -> None:
    async with http(store, token()) as client:
        created = await client.ask("POST", THINGS, ODD)
        assert (created.status, created.headers["location"]) == (201, f"{THINGS}/1")
        assert "secret" not in created.json
        row, first = created.json, created.headers["etag"]
        read = await client.ask("GET", created.headers["location"])
        assert (read.status, read.json, read.headers["etag"], tag(read.json)) == (200, row, first, first)
        head = await client.ask("HEAD", f"{THINGS}/1")
        assert (head.status, head.headers["etag"], head.headers["content-length"]) == (200, first, str(len(read.body)))
        assert (await client.ask("GET", f"{THINGS}/1", If_None_Match=f'"x", W/{first}')).status == 304
        assert (await client.ask("GET", f"{THINGS}/1", If_None_Match='"x"')).status == 200
        changed = await client.ask("PATCH", f"{THINGS}/1", {"amount": 4, "at": None}, If_Match=first)
        second = changed.headers["etag"]
        assert (changed.status, changed.json["amount"], second != first) == (200, 4, True)
        assert {each.headers["content-type"] for each in (created, read, head, changed)} == {"application/json"}
        for wrong in (first, f"W/{second}", '"x"', "nonsense"):
            refused = await client.ask("PATCH", f"{THINGS}/1", {"amount": 5}, If_Match=wrong)
            assert (refused.status, refused.json["code"], "pointer" in refused.json) == (412, "conflict", False)
            assert (await client.ask("DELETE", f"{THINGS}/1", If_Match=wrong)).status == 412
        assert (await client.ask("PATCH", f"{THINGS}/1", {"amount": 5}, If_Match=f'"x", {second}')).status == 200
        assert (await client.ask("PATCH", f"{THINGS}/1", {"amount": 6}, If_Match="*")).json["amount"] == 6
        third = (await client.ask("GET", f"{THINGS}/1")).headers["etag"]
        assert (await client.ask("DELETE", f"{THINGS}/1", If_Match=third)).status == 204
        assert (await client.ask("DELETE", f"{THINGS}/1")).status == 404
        assert (await client.ask("GET", f"{THINGS}/1")).status == 404


async def test_of_clients_that_change_a_row_at_once_by_its_tag_one_wins(store: Inside) -> None:
    async with http(store, token()) as first, http(store, token()) as second:
        created = await first.ask("POST", THINGS, {"code": "a", "amount": 0})
        known, wins = created.headers["etag"], 0
        for number in range(1, 6):
            answers = await asyncio.gather(
                *(
                    client.ask("PATCH", f"{THINGS}/1", {"amount": number * 10 + each}, If_Match=known)
                    for each, client in enumerate((first, second))
                )
            )
            assert sorted(answer.status for answer in answers) == [200, 412]
            known = next(answer.headers["etag"] for answer in answers if answer.status == 200)
            wins += 1
        assert wins == 5


async def test_keys_of_several_properties_are_several_steps(client: Http) -> None:
    for slug in ("a,b", "ä/c", "x y"):
        created = await client.ask("POST", "/api/resources/places", {"zone": 3, "slug": slug})
        where = created.headers["location"]
        assert (created.status, where) == (201, f"/api/resources/places/3/{quote(slug, safe='')}")
        assert (await client.ask("GET", where)).json["slug"] == slug
        assert (await client.ask("PATCH", where, {"label": "L"})).json["label"] == "L"
        assert (await client.ask("DELETE", where)).status == 204
    for path, status in (("3", 404), ("3/a/b", 404), ("3/", 404), ("3/%ff", 400), ("x/a", 400)):
        assert (await client.ask("GET", f"/api/resources/places/{path}")).status == status, path


async def test_pointers_lead_into_the_body(client: Http) -> None:
    refused = await client.ask("POST", THINGS, {"code": 7, "about": 3})
    assert (refused.status, refused.json["pointer"]) == (400, refused.json["errors"][0]["pointer"])
    assert {each["pointer"] for each in refused.json["errors"]} == {"/code", "/about"}
    await client.ask("POST", THINGS, {"code": "a"})
    taken = await client.ask("POST", THINGS, {"code": "a"})
    assert (taken.status, taken.json["code"], taken.json["pointer"]) == (409, "conflict", "/code")
    several = await client.ask("POST", THINGS, [{"code": "b"}, {"code": "a"}])
    assert (several.status, several.json["pointer"]) == (409, "/1/code")
    assert (await client.ask("PATCH", f"{THINGS}/1", {"nothing": 1})).json["pointer"] == "/nothing"
    for body in (b"", b"{", b'{"code":"c"},"x":{}', b'{"code":"c"}}', b"7"):
        assert (await client.ask("POST", THINGS, body)).status == 400, body
    assert (await client.ask("GET", THINGS)).json["rows"][0]["code"] == "a"


async def test_several_rows_are_created_at_once(client: Http) -> None:
    created = await client.ask("POST", THINGS, [{"code": "a"}, {"code": "b"}])
    assert (created.status, [row["code"] for row in created.json["rows"]]) == (200, ["a", "b"])
    assert [row["code"] for row in (await client.ask("POST", THINGS, [{"code": "c"}])).json["rows"]] == ["c"]
    assert "location" not in created.headers


async def test_idempotency_key_answers_a_repeat_with_the_same_row(client: Http) -> None:
    answers = [await client.ask("POST", THINGS, {"code": "a"}, Idempotency_Key="k") for _ in range(2)]
    assert answers[0].body == answers[1].body
    assert (await client.ask("POST", THINGS, {"code": "b"}, Idempotency_Key="k")).status == 409


async def test_rules_hold_as_for_messages(gateway: Inside, client: Http) -> None:
    await client.ask("POST", THINGS, {"code": "a"})
    mine = await client.ask("POST", "/api/resources/diaries", {"owner": "7", "text": "secret"})
    assert mine.status == 201
    where = mine.headers["location"]
    async with http(gateway) as anonymous, http(gateway, token("8")) as other:
        assert (await anonymous.ask("PATCH", f"{THINGS}/1", {"amount": 1})).status == 401
        assert (await other.ask("GET", where)).status == 404
        assert (await other.ask("PATCH", where, {"text": "x"})).status == 404
        assert (await other.ask("DELETE", where, If_Match=mine.headers["etag"])).status == 404
        hidden = await other.ask("POST", "/api/resources/diaries", {"owner": "7", "text": "for you"})
        assert (hidden.status, hidden.body) == (204, b""), "written, and not the writer's to read"
    assert (await client.ask("PATCH", where, {"owner": "8"})).status == 403


@pytest.fixture
async def listed(gateway: Inside) -> AsyncIterator[Http]:
    """A client of a gateway with ten things."""
    rows = [
        {"code": f"c{n}", "amount": n, "price": n / 4, "done": n % 2 == 0, "tags": [("even", "odd")[n % 2]], "limit": n}
        for n in range(10)
    ]
    async with http(gateway) as client:
        await client.ask("POST", THINGS, rows)
        yield client


QUERIES: list[tuple[str, Sequence[int]]] = [
    ("", range(10)),
    ("amount=3", [3]),
    ("amount=3&amount=5", [3, 5]),
    ("amount=3&amount=5&amount=7", [3, 5, 7]),
    ("amount[gte]=3&amount[lt]=5", [3, 4]),
    ("amount[in]=1,2,9", [1, 2, 9]),
    ("amount[between]=2,4", [2, 3, 4]),
    ("price[lte]=0.5", [0, 1, 2]),
    ("price=1e0", [4]),
    ("done=true&amount[gt]=5", [6, 8]),
    ("code[startswith]=C1", [1]),
    ("code=c1&amount=2", []),
    ("code[ne]=c1&limit=2", [0, 2]),
    ("limit[eq]=4", [4]),
    ("tags[ina]=odd&amount[lt]=4", [1, 3]),
    ("at[null]=true&amount=1", [1]),
    ("sort=-amount&limit=2", [9, 8]),
    ("sort=done,-amount&limit=3&offset=1", [7, 5, 3]),
    ("filter=" + quote('{"or":[{"amount":1},{"amount":{"gte":9}}]}'), [1, 9]),
    ("filter=" + quote('{"amount":{"lt":4}}') + "&done=false", [1, 3]),
]


async def test_query_is_a_list_request(listed: Http) -> None:
    for query, found in QUERIES:
        answer = await listed.ask("GET", f"{THINGS}?{query}")
        assert (answer.status, [row["amount"] for row in answer.json["rows"]]) == (200, list(found)), query


async def test_count_and_fields_of_a_list(listed: Http) -> None:
    answer = await listed.ask("GET", f"{THINGS}?count=true&done=true&fields=code&limit=1")
    assert (answer.json["total"], answer.json["rows"]) == (5, [{"id": 1, "code": "c0"}])
    assert (await listed.ask("GET", f"{THINGS}/1?fields=code")).json == {"id": 1, "code": "c0"}


WRONG_QUERIES = [
    ("amont=3", "/filters/amont"),
    ("amount[gte]=x", "/filters/amount/gte"),
    ("amount[near]=3", "/filters/amount/near"),
    ("amount[gte]=1&amount[gte]=2", "/filters/amount"),
    ("secret=x", "/filters/secret"),
    ("done=yes", "/filters/done/eq"),
    ("limit=0", "/limit"),
    ("limit=x", "/limit"),
    ("limit=1&limit=2", "/limit"),
    ("offset=-1", "/offset"),
    ("sort=nothing", "/sort/0/field"),
    ("fields=secret", "/fields/0"),
    ("filter=%7B", "/filters"),
    ("filter=7", "/filters"),
    ("filter=%7B%22amont%22:1%7D", "/filters/amont"),
    ("code", None),
    ("%ff=1", None),
    ("code=%00", "/filters/code/eq"),
    ("code[in]=a,b%00c", "/filters/code/in/1"),
    ("amount=9007199254740993", "/filters/amount/eq"),
]


async def test_wrong_query_is_refused_at_its_place(client: Http) -> None:
    for query, pointer in WRONG_QUERIES:
        refused = await client.ask("GET", f"{THINGS}?{query}")
        seen = refused.status, refused.json["code"], refused.json.get("pointer")
        assert seen == (400, "invalid_message", pointer), query


async def test_wrong_paths_methods_and_bodies_of_resources(client: Http) -> None:
    for path in ("/api/resources", "/api/resources/", "/api/resources/nothing", f"{THINGS}/", f"{THINGS}/1/2"):
        assert (await client.ask("GET", path)).status == 404, path
    for method, path, allowed in (
        ("PUT", f"{THINGS}/1", "GET, PATCH, DELETE, HEAD, OPTIONS"),
        ("DELETE", THINGS, "GET, POST, HEAD, OPTIONS"),
    ):
        refused = await client.ask(method, path)
        assert (refused.status, refused.headers["allow"]) == (405, allowed)
    assert (await client.ask("PATCH", f"{THINGS}/1", b"{}", content_type="application/merge-patch+json")).status == 404
    assert (await client.ask("PATCH", f"{THINGS}/1", b"[]", content_type="application/json-patch+json")).status == 415
    assert (await client.ask("GET", f"{THINGS}/1", {"a": 1})).status == 400
    assert (await client.ask("GET", f"{THINGS}/abc")).status == 400
    assert (await client.ask("GET", f"{THINGS}/1?count=true")).status == 400
    assert (await client.ask("DELETE", f"{THINGS}/1?x=1")).status == 400


async def test_a_condition_or_a_query_that_would_be_ignored_is_refused(gateway: Inside) -> None:
    async with http(gateway, token()) as client:
        first = await client.ask("POST", THINGS, {"code": "a"})
        path, tag_ = first.headers["location"], first.headers["etag"]
        ignored = [
            ("POST", THINGS, {"code": "b"}, "If-Match"),
            ("POST", THINGS, {"code": "b"}, "If-None-Match"),
            ("POST", "/api/delete", {"resource": "things", "id": first.json["id"]}, "If-Match"),
            ("PATCH", path, {"code": "b"}, "If-None-Match"),
            ("DELETE", path, None, "If-None-Match"),
            ("GET", path, None, "If-Match"),
        ]
        for method, at, body, header in ignored:
            answer = await client.ask(method, at, body, f"{header}: *")
            assert (answer.status, answer.json["code"]) == (400, "invalid_message"), (method, at)
            assert header in answer.json["message"]
        for at, body in (("/api/list?limit=1", {"resource": "things"}), ("/api/ping?x=1", {})):
            assert (await client.ask("POST", at, body)).json["message"] == "this request takes no query"
        rows = (await client.ask("GET", THINGS, None, f"If-None-Match: {tag_}")).json["rows"]
        assert [row["code"] for row in rows] == ["a"]
