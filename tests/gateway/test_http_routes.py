"""The documents and the protocol page as the gateway serves them: whole, linked, escaped, with no foreign requests."""

from __future__ import annotations

import json
import re
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess
from tests.transport.inside import Inside, running
from tests.transport.raw import Door
from tidegate import app, schema
from tidegate.config import Settings
from tidegate.documents import asyncapi, console, openapi, protocol_page, published
from tidegate.schema import INDEX, Bundle

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
OWN: dict[str, Any] = {
    "resources/notes.schema.json": {
        "title": "Note",
        "description": EVIL,
        "type": "object",
        "x-resource": {"key": "id"},
        "x-access": {"read": {"where": {"owner": "$user.id"}}, "create": "role:writer"},
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            EVIL: {"type": "string", "default": EVIL},
            "owner": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 64},
            "place": {"type": "object", "properties": {"street": {"type": "string", "maxLength": 77}}},
            "marks": {"type": "array", "items": {"type": "object", "properties": {"mark": {"const": 3}}}},
            "odd": {"type": "integer", "not": {"const": 13}, "multipleOf": 2, "exclusiveMinimum": 4},
            "many": {"patternProperties": {"^m": {"type": "integer"}}, "propertyNames": {"maxLength": 9}},
        },
        "required": ["id", "owner"],
        "dependentRequired": {"odd": ["many"]},
    },
    "rooms/lobby.schema.json": {"title": "Lobby", "x-room": {"pattern": "lobby*"}, "type": "string", "maxLength": 88},
    "types/notes.schema.json": {"title": "Notes", "type": "array", "items": {"$ref": "../resources/notes.schema.json"}},
    "client/ask.schema.json": {
        "title": "AskRequest",
        "type": "object",
        "x-reply": "pong",
        "properties": {"type": {"const": 'ask "me" <now>'}, "ref": {"$ref": "../types/ref.schema.json"}},
        "required": ["type"],
    },
}


class Read(HTMLParser):
    """What a page has: elements that never close wrongly, ids, links, and what it loads."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        self.attributes |= set(given)
        self.ids += [given["id"] or ""] if "id" in given else []
        if tag == "a":
            self.links.append(given["href"] or "")
        self.loads += [value or "" for name, value in attrs if name == "src" or (tag == "link" and name == "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def own(tmp_path: Path) -> Bundle:
    for path, content in OWN.items():
        file = tmp_path / "schema" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return schema.bundle(schema.load(tmp_path / "schema"))


def sample() -> Bundle:
    return schema.bundle(schema.load(ROOT / "schema"))


async def get(inside: Inside, path: str) -> tuple[int, dict[str, str], bytes]:
    async with Door(inside.listener).tcp() as raw:
        raw.send(f"GET {path} HTTP/1.1\r\nHost: gateway.example\r\n\r\n".encode())
        head, _, body = (await raw.ended()).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split(" ")[1]), headers, body


async def test_the_served_documents_are_those_that_are_generated(tmp_path: Path) -> None:
    async with running(tmp_path, dev=True) as inside:
        for name in ("asyncapi.json", "openapi.json"):
            status, headers, body = await get(inside, f"/{name}")
            assert (status, headers["content-type"]) == (200, "application/json")
            generated = json.loads((ROOT / "generated" / name).read_text())
            assert generated.pop("x-generated")
            assert json.loads(body) == generated


async def test_every_described_endpoint_answers_as_described_and_no_other_is_left_out(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as inside:
        paths = set(inside.listener.context.routes._answers)
        for_people = {path for path in paths if path.startswith("/console/")} | {"/", "/docs.js", "/docs.css"}
        described = {path: each for path, each in openapi(sample())["paths"].items() if not path.startswith("/api/")}
        assert set(described) | for_people == paths
        for path, methods in described.items():
            status, headers, _ = await get(inside, path)
            assert list(methods["get"]["responses"][str(status)]["content"]) == [headers["content-type"]]
        inside.gateway.sessions.draining = True
        status, headers, _ = await get(inside, "/readyz")
        assert status == 503
        assert headers["content-type"] in described["/readyz"]["get"]["responses"]["503"]["content"]


async def test_the_page_may_load_its_own_files_and_nothing_else(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as inside:
        status, headers, body = await get(inside, "/docs")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b'href="/"' in body, "a link to the console, which is served"
        policy = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "data:",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        page = Read(body.decode())
        assert page.loads == ["data:,", "/docs.css", "/docs.js"]
        assert not {name for name in page.attributes if name.startswith("on") or name == "style"}
        assert "style" not in page.tags
        for path in {link.partition("#")[0] for link in page.links if not link.startswith("#")} | {"/docs.css"}:
            assert (await get(inside, path))[0] == 200, path


async def test_the_page_of_the_application_runs_no_script_but_its_files(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as inside:
        status, headers, body = await get(inside, "/")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        page = Read(body.decode())
        assert "style" not in page.tags
        assert not {name for name in page.attributes if name.startswith("on") or name == "style"}
        assert {"/docs", "/schema/bundle.json", "/healthz"} <= set(page.links)
        waiting = {path.partition("#")[0] for path in [*page.loads, *page.links]}
        seen: set[str] = set()
        while waiting - seen:
            path = min(waiting - seen)
            seen.add(path)
            status, headers, body = await get(inside, path)
            assert status == 200, path
            if headers["content-type"].startswith("text/javascript"):
                waiting |= {f"/console/{name}" for name in re.findall(r'from "\./(\w+\.js)"', body.decode())}
        served = {path for path in inside.listener.context.routes._answers if path.startswith("/console/")}
        assert served == {path for path in seen if path.startswith("/console/")} | {"/console/application.json"}


async def test_the_application_is_described_for_the_page(tmp_path: Path) -> None:
    async with running(tmp_path, dev=True) as inside:
        _, headers, body = await get(inside, "/console/application.json")
        assert headers["content-type"] == "application/json"
        about = json.loads(body)
        assert about["contract"] == schema.contract_hash(sample())
        assert about["development"]["token"] == "tidegate token --user 1 --dev"
    users = about["resources"]["users"]
    assert list(users["columns"]) == ["id", "name", "email", "status", "created_at"]
    assert list(users["create"]["properties"]) == ["name", "email", "status", "password"]
    assert users["create"]["required"] == ["name", "email"]
    assert users["defaults"] == {"status": "active"}
    assert users["secret"] == ["password"]
    assert about["resources"]["tasks"]["references"] == {"user_id": "users"}
    assert list(about["rooms"]) == ["*", "chat-*", "cursor-*"]
    assert about["messages"] == {}


async def test_the_console_is_off_unless_it_is_wanted_and_the_documents_stay(tmp_path: Path) -> None:
    async with running(tmp_path) as inside:
        for path in ("/", "/console/app.js", "/console/application.json"):
            status, headers, body = await get(inside, path)
            assert (status, headers["content-type"].partition(";")[0]) == (404, "text/plain"), path
            assert b"console = true" in body
        for path in ("/docs", "/docs.css", "/docs.js", "/schema/bundle.json", "/asyncapi.json", "/openapi.json"):
            status, _, body = await get(inside, path)
            assert status == 200, path
            assert b'href="/"' not in body, "a link to the console"


def test_the_console_is_on_in_development() -> None:
    assert [Settings(dev=dev).serves_console for dev in (False, True)] == [False, True]
    assert [Settings(dev=dev, console=not dev).serves_console for dev in (False, True)] == [True, False]


def test_own_messages_are_forms_without_type_and_ref(own: Bundle) -> None:
    about = console(own)
    (message,) = about["messages"].values()
    assert message["request"]["properties"] == {}
    assert message["reply"] == "pong"
    assert about["rooms"]["lobby*"]["payload"]["maxLength"] == 88


def test_every_reference_of_the_description_leads_to_a_definition(own: Bundle) -> None:
    about = console(bent(own))
    text = json.dumps({name: part for name, part in about.items() if name != "$defs"})
    found = set(re.findall(r'"#/\$defs/([^"/]+)', text + json.dumps(about["$defs"])))
    assert found
    assert found == set(about["$defs"])


def bent(document: Bundle) -> Bundle:
    """The same application with a message that refers to types."""
    copy: Bundle = json.loads(json.dumps(document))
    copy["$defs"]["App.AskRequest"]["properties"]["who"] = {"anyOf": [{"$ref": "#/$defs/Sender"}, {"type": "null"}]}
    return copy


def test_the_page_of_a_development_gateway_says_what_to_type(tmp_path: Path) -> None:
    assert app.development(Settings()) is None
    shown = app.development(Settings(dev=True, database="sqlite:///my shop.db"))
    assert shown == {"shell": "sqlite3 'my shop.db'", "token": "tidegate token --user 1 --dev"}
    hidden = app.development(Settings(dev=True, database="postgresql://me:secret@localhost/shop"))
    assert hidden is not None
    assert "secret" not in str(hidden)


def test_everything_in_the_bundle_has_its_place_on_the_page(own: Bundle) -> None:
    for document in (sample(), own):
        index, ids = document[INDEX], Read(protocol_page(document)).ids
        assert len(ids) == len(set(ids))
        parts = {"client": "request", "server": "message", "resources": "resource", "rooms": "room"}
        for part, kind in {**parts, "errors": "error", "closes": "close"}.items():
            for name in index[part]:
                assert f"{kind}-{quote(name, safe='*')}" in ids, name
        shown = {entry["schema"] for part in parts for entry in index[part].values()}
        for key in set(index["definitions"]) - shown:
            assert f"type-{key}" in ids


def test_every_link_within_the_page_leads_somewhere(own: Bundle) -> None:
    for document in (sample(), own):
        page = Read(protocol_page(document))
        inside = {link[1:] for link in page.links if link.startswith("#")}
        assert len(inside) > 50
        assert inside <= set(page.ids)


def test_no_schema_can_break_into_the_page(own: Bundle) -> None:
    text = protocol_page(own)
    assert "alert(1)" in text
    assert text.count("<script") == 1
    page = Read(text)
    assert "img" not in page.tags
    assert "onerror" not in page.attributes
    assert "<now>" not in text


def test_every_bound_of_a_field_is_told(own: Bundle) -> None:
    text = re.sub(r"<[^>]*>", "", protocol_page(own))
    for words in (
        "pattern &quot;^[a-z]+$&quot;",
        "at most 64 characters",
        "at most 77 characters",
        "at most 88 characters",
        "place.street",
        "marks[].mark",
        "not {&quot;const&quot;: 13}",
        "a multiple of 2",
        "above 4",
        "read-only",
        "patternProperties",
        "propertyNames",
        "dependentRequired",
        "where {&quot;owner&quot;: &quot;$user.id&quot;}",
        "create role writer",
    ):
        assert words in text, words
    users = protocol_page(sample())
    rows = users[users.index('id="resource-users"') :]
    assert "write-only" in rows
    assert "<code>&quot;active&quot;</code> or <code>&quot;inactive&quot;</code>" in rows
    assert "<b>delete</b> role admin" in rows


def test_secrets_can_neither_be_filtered_nor_sorted_by_on_the_page() -> None:
    text = protocol_page(sample())
    filters = text[text.index("<h4>Filters</h4>", text.index('id="resource-users"')) :]
    filters = filters[: filters.index("</section>")]
    assert "<code>email</code>" in filters.partition("<figure>")[0]
    assert "password" not in filters.partition("<figure>")[0]


def test_the_page_names_the_operators_of_each_property() -> None:
    text = protocol_page(sample())
    filters = text[text.index("<h4>Filters</h4>", text.index('id="resource-tasks"')) :]
    assert "<td><code>tags</code></td><td>string</td><td><code>ina</code> <code>nina</code></td>" in filters
    due_at = filters[filters.index("<code>due_at</code>") :]
    assert "<code>between</code>" in due_at
    assert "<code>nnull</code>" in due_at[: due_at.index("</tr>")]


def test_the_page_says_that_no_client_may_send_a_message(own: Bundle) -> None:
    text = protocol_page(own)
    section = text[text.index(f'id="request-{quote("ask ")}') :]
    assert "Clients cannot use it" in section[: section.index("</section>")]


@pytest.mark.process
def test_a_gateway_describes_the_folder_it_serves(tmp_path: Path, own: Bundle) -> None:
    gateway = GatewayProcess(tmp_path, "--schema", str(tmp_path / "schema"))
    gateway.migrate()
    gateway.start()
    try:
        with urllib.request.urlopen(f"{gateway.http}/asyncapi.json", timeout=DEADLINE_S) as response:
            assert json.loads(response.read()) == asyncapi(published(own))
        with urllib.request.urlopen(f"{gateway.http}/docs", timeout=DEADLINE_S) as response:
            assert response.read().decode() == protocol_page(published(own), console=False)
    finally:
        gateway.stop()
