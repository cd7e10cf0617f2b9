"""Attempts to see rows of another user, or to learn that they exist: with odd tokens, at odd times, by writes."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_rooms_live import bearer
from tests.e2e.test_row_rules import NOTE, subscribed
from tests.support.gateway import GatewayProcess, tidegate
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.wire import Wire, wire
from tidegate.auth.tokens import sign
from tidegate.config import DEVELOPMENT_SECRET

PAPER: dict[str, Any] = {
    "title": "Paper",
    "type": "object",
    "x-resource": {"key": "id", "unique": [["slug"]], "references": {"answers": "papers.id"}},
    "x-access": {
        "read": [
            "role:reader",
            {"where": {"owner": "$user.id"}},
            {"where": {"label": {"ne": "$user.label"}}},
            {"where": {"number": {"lt": "$user.number"}}},
            {"where": {"day": {"lt": "$user.until"}}},
            {"where": {"extra": {"in": "$user.extras"}}},
            {"where": {"open": "$user.open"}},
        ],
        "create": {"where": {"owner": "$user.id"}},
        "update": ["role:editor", {"where": {"owner": "$user.id"}}],
        "delete": {"where": {"owner": "$user.id"}},
    },
    "properties": {
        "id": {"type": "integer"},
        "owner": {"type": "integer"},
        "slug": {"type": "string", "maxLength": 40},
        "answers": {"type": "integer"},
        "label": {"type": "string", "maxLength": 10},
        "number": {"type": "number"},
        "day": {"type": "string", "format": "date"},
        "open": {"type": "boolean"},
        "extra": {},
        "text": {"type": "string", "maxLength": 2000},
    },
    "required": ["id", "owner"],
    "additionalProperties": False,
}
ROWS = ((1, 1, "one", None), (2, 2, "two", None), (3, 2, "three", 1))
"""id, owner, slug, answers: row 1 is referred to by a row of user 2."""
MANY = 3000
PROPERTIES: dict[str, Any] = NOTE["properties"]  # type: ignore[assignment]  # of a dict with values of many types


def prepared(folder: Path, kind: str, request: pytest.FixtureRequest, until: ExitStack) -> GatewayProcess:
    (folder / "schema" / "resources").mkdir(parents=True)
    (folder / "schema" / "resources" / "papers.schema.json").write_text(json.dumps(PAPER))
    options = ("--dev", "--schema", "schema")
    if kind == "sqlite":
        process = GatewayProcess(folder, *options)
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        process = PostgresGateway(folder, until.enter_context(server.lent()), *options)
    process.migrate()
    for row in ROWS:
        sql = "insert into papers (id, owner, slug, answers, label, number, day, open, extra) "
        process.execute(sql + "values (?, ?, ?, ?, 'x', 1.5, '2026-01-31', ?, '5')", *row, True)
    process.start()
    return process


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    with ExitStack() as until:
        process = prepared(tmp_path, request.param, request, until)
        yield process
        process.stop()


@pytest.fixture
def on_sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    with ExitStack() as until:
        process = prepared(tmp_path, "sqlite", request, until)
        yield process
        process.stop()


def token(user: str, *roles: str, **claims: Any) -> str:
    return sign(DEVELOPMENT_SECRET, user, f"User {user}", list(roles), time.time(), 600, claims)


def signed_in(gateway: GatewayProcess, user: str, *roles: str, **claims: Any) -> Any:
    return wire(gateway.url, **bearer(token(user, *roles, **claims)))


async def become(client: Wire, user: str, *roles: str, **claims: Any) -> None:
    reply = await client.ask({"type": "authenticate", "token": token(user, *roles, **claims)})
    assert reply["type"] == "authenticated", reply


async def papers(client: Wire, **fields: Any) -> list[int]:
    reply = await client.ask({"type": "list", "resource": "papers", "count": True, **fields})
    assert reply["type"] == "rows", reply
    assert reply["total"] == len(reply["rows"])
    return [row["id"] for row in reply["rows"]]


# -- odd tokens -------------------------------------------------------------------------------------------------------


async def test_invalid_claims_show_no_rows_and_break_nothing(gateway: GatewayProcess) -> None:
    odd: list[dict[str, Any]] = [
        {"label": "\ud800"},
        {"label": "a\0"},
        {"label": ["y"]},
        {"label": True},
        {"number": math.nan},
        {"number": math.inf},
        {"number": 10**300},
        {"number": "1e9"},
        {"until": "forever"},
        {"until": "zzzz"},
        {"until": "2027-1-1"},
        {"extras": [5, "\ud800"]},
        {"extras": [5, 10**300]},
        {"extras": [5, None]},
        {"extras": [5, math.nan]},
        {"open": 1},
        {"open": "true"},
    ]
    async with wire(gateway.url) as client:
        for claims in odd:
            await become(client, "1", **claims)
            assert await papers(client) == [1], claims
            refused = await client.ask({"type": "update", "resource": "papers", "id": 2, "data": {"text": "x"}})
            assert refused["code"] == "not_found", claims
            _, page = await subscribed(client, resource="papers")
            assert [row["id"] for row in page["rows"]] == [1], claims
            await client.ask({"type": "unsubscribe", "resource": "papers"})
        for user in ("01", "1.0", "\u0661", "-1", "TRUE"):
            await become(client, user)
            assert await papers(client) == [], user
        for user in (" 1", "1\0"):
            token = sign(DEVELOPMENT_SECRET, user, "One", [], time.time(), 600)
            assert (await client.ask({"type": "authenticate", "token": token}))["code"] == "unauthenticated", user
        for sensible in ({"label": "y"}, {"number": "2"}, {"until": "2026-02-01"}, {"extras": 5}, {"open": True}):
            await become(client, "1", **sensible)
            assert await papers(client) == [1, 2, 3], sensible


async def test_a_claim_with_too_many_values_is_refused(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "9", extras=[*range(6, 1005), 5]) as client:
        assert await papers(client) == [1, 2, 3]
        _, page = await subscribed(client, resource="papers", filters={"extra": {"in": list(range(1000))}})
        assert len(page["rows"]) == 3
    async with signed_in(gateway, "9", extras=[0] * 1001) as client:
        for request in ("list", "subscribe"):
            refused = await client.ask({"type": request, "resource": "papers"})
            assert (refused["code"], refused["temporary"]) == ("forbidden", False)
            assert "'$user.extras' of the token has more than 1000 values" in refused["message"]
        await become(client, "9", "reader", extras=[0] * 1001)
        assert await papers(client) == [1, 2, 3], "the role alone decides"


async def test_the_claims_true_and_1_stay_distinct(on_sqlite: GatewayProcess) -> None:
    async with signed_in(on_sqlite, "9", open=True) as client:
        await subscribed(client, resource="papers")
        await become(client, "9", open=1)
        assert (await client.hear("snapshot"))["rows"] == []
        assert await papers(client) == []


# -- learning of hidden rows ------------------------------------------------------------------------------------------


async def test_a_forbidden_write_does_not_reveal_unique_values(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        for user in (None, "1"):
            if user is not None:
                await become(client, user)
            answers = []
            for id, slug, answers_to in ((2, "two", 1), (90, "two", 1), (91, "free", 77), (92, "free", 1)):
                data = {"id": id, "owner": 2, "slug": slug, "answers": answers_to}
                refused = await client.ask({"type": "create", "resource": "papers", "data": data})
                answers.append({**refused, "ref": 0})
            assert answers == [answers[0]] * 4
            assert (answers[0]["code"], answers[0]["pointer"]) == ("forbidden", "/data")
        forbidden: list[dict[str, Any]] = [{"owner": 2, "slug": "two"}, {"owner": 2, "answers": 77}, {"owner": 2}]
        for data in forbidden:
            refused = await client.ask({"type": "update", "resource": "papers", "id": 1, "data": data})
            assert (refused["code"], refused["pointer"]) == ("forbidden", "/data")
        fine: list[dict[str, Any]] = [{"slug": "two"}, {"answers": 77}, {"slug": "free"}]
        for data in fine:
            request = {"type": "update", "resource": "papers", "data": data}
            hidden, missing = [await client.ask({**request, "id": id}) for id in (2, 99)]
            assert hidden["code"] == "not_found"
            assert hidden | {"ref": 0} == missing | {"ref": 0}


async def test_the_guide_lists_what_reveals_a_hidden_row(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "1") as client:
        mine = {"id": 90, "owner": 1}
        taken = await client.ask({"type": "create", "resource": "papers", "data": {**mine, "slug": "two"}})
        assert (taken["code"], taken["keyword"], taken["pointer"]) == ("conflict", "unique", "/data/slug")
        referred = await client.ask({"type": "delete", "resource": "papers", "id": 1})
        assert (referred["code"], referred["keyword"], referred["pointer"]) == ("conflict", "references", "/id")
        nowhere = await client.ask({"type": "create", "resource": "papers", "data": {**mine, "answers": 77}})
        assert (nowhere["code"], nowhere["keyword"]) == ("conflict", "references")
        hidden = await client.ask({"type": "create", "resource": "papers", "data": {**mine, "answers": 2}})
        assert hidden["type"] == "rows"


async def test_rows_enter_and_leave_by_a_rule_on_unselected_columns(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "1") as client:
        first, page = await subscribed(client, resource="papers", fields=["slug"])
        assert page["rows"] == [{"id": 1, "slug": "one"}]
        gateway.execute("update papers set text = 'hidden' where id = 2")
        gateway.execute("update papers set owner = 1 where id = 2")
        gateway.execute("update papers set owner = 3, slug = 'secret' where id = 2")
        gateway.execute("delete from papers where id = 2")
        heard = [await client.hear("update") for _ in range(2)]
        assert [(one["action"], one["data"]) for one in heard] == [
            ("create", {"id": 2, "slug": "two"}),
            ("delete", {"id": 2}),
        ]
        assert await client.settle() == []
        assert await papers(client, sort=[{"field": "owner", "order": "desc"}]) == [1]
        assert await papers(client, filters={"owner": {"gt": 0}}) == [1]
        assert await papers(client, filters={"or": [{"owner": 2}, {"id": {"gt": 0}}]}) == [1]
    async with signed_in(gateway, "1") as client:
        since: dict[str, Any] = {"since": first["position"], "scope": first["scope"], "fields": ["slug"]}
        await client.ask({"type": "subscribe", "resource": "papers", **since})
        assert [one["data"] for one in await client.settle()] == [{"id": 2, "slug": "two"}, {"id": 2}]


async def test_a_repeated_answer_needs_the_same_user_and_present_access(gateway: GatewayProcess) -> None:
    change = {"type": "update", "resource": "papers", "id": 2, "data": {"text": "x"}, "key": "k"}
    async with signed_in(gateway, "9", "reader", "editor") as client:
        assert [row["id"] for row in (await client.ask(change))["rows"]] == [2]
        await become(client, "9", "editor")
        assert (await client.ask(change))["rows"] == []
        await become(client, "9")
        assert (await client.ask(change)).get("rows") == []
        assert (await client.ask({**change, "key": "l"}))["code"] == "not_found"
        await become(client, "8", "editor")
        assert (await client.ask(change))["code"] == "not_found"
    async with wire(gateway.url) as guest:
        assert (await guest.ask(change))["code"] == "not_found"


# -- odd moments ------------------------------------------------------------------------------------------------------


def fill(gateway: GatewayProcess) -> None:
    """Write very many rows of user 1."""
    gateway.execute(
        "with recursive n(i) as (select 100 union all select i + 1 from n where i < ?)"
        " insert into papers (id, owner, text) select i, 1, ? from n",
        100 + MANY - 1,
        "x" * 1000,
    )


def rows_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = message.get("rows", [message["data"]] if message["type"] == "update" else [])
    return found


async def check_nothing_old_comes(client: Wire, start: int) -> None:
    """Check that every row received after `authenticated`, from `start` on, belongs to user 2."""
    page = await client.hear(lambda heard: heard["type"] == "snapshot" and heard["reset"])
    while not page["done"]:
        page = await client.hear("snapshot")
    assert not [one for one in await client.settle() if one["type"] != "update"]
    at = next(i for i, one in enumerate(client.heard) if i >= start and one["type"] == "authenticated")
    for one in client.heard[at + 1 :]:
        assert {row["owner"] for row in rows_of(one)} <= {2}, one["type"]


@pytest.mark.parametrize("moment", ["snapshot", "replay", "unanswered", "live"])
async def test_no_row_of_the_former_user_comes_after_authenticated(on_sqlite: GatewayProcess, moment: str) -> None:
    async with signed_in(on_sqlite, "1") as client:
        wish: dict[str, Any] = {"type": "subscribe", "resource": "papers", "snapshot": True, "ref": "s"}
        if moment in {"replay", "live"}:
            first, _ = await subscribed(client, resource="papers")
        if moment == "replay":
            await client.ask({"type": "unsubscribe", "resource": "papers"})
            wish |= {"since": first["position"], "scope": first["scope"]}
        fill(on_sqlite)
        start = len(client.heard)
        if moment != "live":
            await client.say(wish)
        if moment in {"snapshot", "replay"}:
            await client.hear("snapshot" if moment == "snapshot" else "update")
        await client.say({"type": "authenticate", "token": token("2"), "ref": "a"})
        await check_nothing_old_comes(client, start)
        if moment != "live":
            (answer,) = [one for one in client.heard if one.get("ref") == "s"]
            assert answer["type"] == "subscribed"
        old = [row for one in client.heard[start:] for row in rows_of(one) if row["owner"] == 1]
        assert len(old) < MANY, "it stopped in the middle"
        assert old or moment in {"unanswered", "live"}
        on_sqlite.execute("update papers set text = 'heard' where id in (1, 2, 100)")
        assert (await client.hear("update"))["data"]["id"] == 2


async def test_a_request_keeps_the_permissions_of_its_arrival(on_sqlite: GatewayProcess) -> None:
    async with signed_in(on_sqlite, "1") as client:
        list_all = {"type": "list", "resource": "papers"}
        create = {"type": "create", "resource": "papers", "data": {"id": 50, "owner": 1}}
        await client.say({**list_all, "ref": 101})
        await client.say({**create, "ref": 102})
        await client.say({"type": "authenticate", "token": token("2"), "ref": 103})
        await client.say({**list_all, "ref": 104})
        await client.say({**create, "ref": 105})
        answers: dict[int, Any] = {}
        while len(answers) < 5:
            heard = await client.hear(lambda one: one.get("ref", 0) > 100)
            answers[heard["ref"]] = heard
        assert [row["owner"] for row in answers[101]["rows"]] in ([1], [1, 1])
        assert answers[102]["rows"] == [{"id": 50, "owner": 1}]
        assert [row["id"] for row in answers[104]["rows"]] == [2, 3]
        assert answers[105]["code"] == "forbidden"


async def test_users_in_turn_on_one_connection_see_only_their_rows(on_sqlite: GatewayProcess) -> None:
    async with wire(on_sqlite.url) as client:
        identity = client.heard[0]["identity"]
        first, page = await subscribed(client, resource="papers")
        assert page["rows"] == []
        scopes = {first["scope"]}
        for user, seen in (("1", [1]), ("2", [2, 3]), ("1", [1])):
            await become(client, user)
            page = await client.hear("snapshot")
            assert [row["id"] for row in page["rows"]] == seen
            scopes.add(page["scope"])
        await client.ask({"type": "authenticate", "token": identity})
        page = await client.hear("snapshot")
        assert (page["rows"], page["scope"], len(scopes)) == ([], first["scope"], 3)
        stale = sign(DEVELOPMENT_SECRET, "1", "One", [], time.time() - 100, 50)
        assert (await client.ask({"type": "authenticate", "token": stale}))["code"] == "unauthenticated"
        assert await papers(client) == []


def test_the_linter_reports_misleading_rules(tmp_path: Path) -> None:
    (tmp_path / "schema" / "resources").mkdir(parents=True)
    odd: dict[str, Any] = {"day": {"type": "string", "format": "date"}, "papers": {"type": "object"}}
    odd["pin"] = {"type": "string", "writeOnly": True}
    schema: dict[str, Any] = {**NOTE, "properties": {**PROPERTIES, **odd}}
    schema["x-access"] = {
        "read": [{"where": {"team": {"ne": text}}} for text in ("$users.id", "$user.", "$user", "$User.id")],
        "create": {"where": {"day": {"lt": "yesterday"}}},
        "update": {"where": {"pin": "x"}},
        "delete": {"where": {"papers": "$user.id"}},
    }
    (tmp_path / "schema" / "resources" / "notes.schema.json").write_text(json.dumps(schema))
    done = tidegate("check", cwd=tmp_path)
    assert done.returncode == 1
    told = [line.split(": ")[1] for line in (done.stdout + done.stderr).splitlines() if "/x-access" in line]
    assert sorted(told) == [
        "/x-access/create/where/day/lt",
        "/x-access/delete/where/papers",
        *(f"/x-access/read/{number}/where/team/ne" for number in range(4)),
        "/x-access/update/where",
    ]
