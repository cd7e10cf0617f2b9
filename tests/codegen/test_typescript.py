"""The generated TypeScript compiles under --strict, and its types refuse what the gateway refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import ROOT
from tests.support.node import node_program
from tidegate import codegen, schema
from tidegate.codegen.typescript import TypeWriter
from tidegate.codegen.typescript_syntax import Doc, jsdoc

pytestmark = pytest.mark.process

OPTIONS = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--exactOptionalPropertyTypes"]
OPTIONS += ["--skipLibCheck", "--lib", "es2022"]  # saves two of three seconds

SAMPLE_USE = """
import type { App, Resources, RoomData, TaskFilters, User, UserFilters, UserUpdate } from "./app.js";
import { CONTRACT } from "./app.js";
import type { ClientMessages, ErrorCode, JoinRequest, Joined, Replies, ServerMessages } from "./protocol.js";
import { CLOSES, ERRORS, PROTOCOL_VERSION } from "./protocol.js";

const join: ClientMessages["join"] = { type: "join", room: "a", since: { epoch: "e", offset: 1 } };
const same: JoinRequest = join;
const reply: Replies["join"] = {} as Joined;
const pushed: ServerMessages["message"]["from"] = "1";
const temporary: boolean = ERRORS.unavailable.temporary;
const come: "never" | "backoff" | "resume" = CLOSES[4201].reconnect;
const code: ErrorCode = "conflict";
const version: 1 = PROTOCOL_VERSION;
const hash: string = CONTRACT;
const chat: RoomData<"chat-7"> = { text: "hello" };
const cursor: RoomData<`cursor-${string}`> = { x: 0, y: 1 };
const open: RoomData<"users"> = { anything: [1] };
const filters: Resources["users"]["filters"] = { status: "active" };
const asked: UserFilters = {
  id: { gt: 1, lte: 9, between: [2, 3], in: [1, 2] },
  name: { startswith: "A", ncontainss: "b", nbetween: ["a", "b"] },
  status: { in: ["active", "inactive"], ne: "inactive" },
  created_at: { gte: "2026-01-01T00:00:00Z" },
  or: [{ name: "Ada" }, { and: [{ id: { nin: [1] } }] }],
};
const tasks: TaskFilters = { tags: { ina: ["a"] }, notes: null, due_at: { null: false, lt: "2026-01-01T00:00:00Z" } };
const ids: readonly number[] = [1, 2];
const some: UserFilters = { id: { in: ids } };
const key: App["resources"]["tasks"]["key"] = 7;
const cleared: Resources["tasks"]["update"] = { notes: null };

// @ts-expect-error: no such property
const typo: UserFilters = { staet: "active" };
// @ts-expect-error: no such word
const word: UserFilters = { status: "atcive" };
// @ts-expect-error: no such operator
const operator: UserFilters = { status: { eqq: "active" } };
// @ts-expect-error: no such word
const operand: UserFilters = { status: { eq: "atcive" } };
// @ts-expect-error: no such word in a list
const listed: UserFilters = { status: { in: ["active", "atcive"] } };
// @ts-expect-error: a number has no letters
const letters: UserFilters = { id: { contains: "1" } };
// @ts-expect-error: not a number
const number: UserFilters = { id: { gt: "1" } };
// @ts-expect-error: a word has no order
const order: UserFilters = { status: { gt: "active" } };
// @ts-expect-error: a time has no letters
const time: UserFilters = { created_at: { startswith: "2026" } };
// @ts-expect-error: two ends
const ends: UserFilters = { id: { between: [1] } };
// @ts-expect-error: not a list
const several: UserFilters = { id: { in: 1 } };
// @ts-expect-error: no null in a list
const nothing: TaskFilters = { due_at: { in: [null] } };
// @ts-expect-error: every user has a name
const nameless: UserFilters = { name: null };
// @ts-expect-error: every user has a name
const without: UserFilters = { name: { null: true } };
// @ts-expect-error: an array is asked for what is in it
const array: TaskFilters = { tags: ["a"] };
// @ts-expect-error: tags are text
const members: TaskFilters = { tags: { ina: [1] } };
// @ts-expect-error: no such property inside
const inside: UserFilters = { or: [{ and: [{ staet: "active" }] }] };
// @ts-expect-error: a list
const either: UserFilters = { or: { name: "Ada" } };
// @ts-expect-error: a secret is not filtered by
const guess: UserFilters = { password: { startswith: "a" } };
// @ts-expect-error: a secret is not sent
const secret: unknown = ({} as User).password;
// @ts-expect-error: readOnly
const written: UserUpdate = { created_at: "" };
// @ts-expect-error: not what is said there
const said: RoomData<"chat-7"> = { txt: "hello" };
// @ts-expect-error: room is missing
const incomplete: ClientMessages["join"] = { type: "join" };
// @ts-expect-error: no such code
const wrong: ErrorCode = "conflicts";
"""

OWN: dict[str, Any] = {
    "resources/orders.json": {
        "title": "Order",
        "description": "Ends a comment */ early.\nTwo lines.",
        "type": "object",
        "x-resource": {"key": ["shop", "number"]},
        "properties": {
            "shop": {"type": "string"},
            "number": {"type": "integer"},
            "ship-to": {"type": ["string", "null"]},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"enum": ["a", 1, None]}}}},
            "either": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "number"]}}]},
            "map": {"type": "object", "additionalProperties": {"type": "number"}},
            "never": False,
        },
        "required": ["shop", "number"],
    },
    "rooms/order.json": {"title": "OrderNews", "x-room": {"pattern": "order-*-$`\\*"}, "type": "string"},
    "rooms/lobby.json": {"title": "LobbyNews", "x-room": {"pattern": "lobby"}, "allOf": [{"type": "string"}]},
    "client/pay.json": {
        "title": "PayRequest",
        "type": "object",
        "x-reply": "rows",
        "properties": {"type": {"const": "pay"}, "ref": {"$ref": "../types/ref.schema.json"}},
        "required": ["type"],
    },
}
OWN_USE = """
import type { ClientMessages, OrderKey, Replies, Resources, RoomData } from "./app.js";

const key: OrderKey = { shop: "s", number: 1 };
const row: Resources["orders"]["row"] = { ...key, "ship-to": null, map: { a: 1 }, either: ["a", 1] };
const news: RoomData<"order-7-$`\\\\x"> = "text";
const lobby: RoomData<"lobby"> = "text";
const pay: ClientMessages["pay"] = { type: "pay", ref: 3 };
const rows: Replies["pay"]["type"] = "rows";
// @ts-expect-error: no pattern covers it
const nowhere: RoomData<"hall"> = "text";
// @ts-expect-error: half a key
const half: OrderKey = { shop: "s" };
"""


def compile_strictly(folder: Path, files: dict[str, str], use: str) -> None:
    for name, text in {**files, "use.ts": use, "package.json": '{"type": "module"}'}.items():
        (folder / name).write_text(text)
    sources = sorted(path.name for path in folder.glob("*.ts"))
    done = subprocess.run(
        [node_program("tsc"), *OPTIONS, *sources], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def modules(folder: Path) -> dict[str, str]:
    files = codegen.generate(schema.load(folder))
    return {path.rpartition("/")[2]: text for path, text in files.items() if path.endswith(".ts")}


def test_the_types_of_the_sample_compile_and_refuse_mistakes(tmp_path: Path) -> None:
    compile_strictly(tmp_path, modules(ROOT / "schema"), SAMPLE_USE)


def test_the_types_of_an_application_compile_and_refuse_mistakes(tmp_path: Path) -> None:
    folder = tmp_path / "schema"
    for path, content in OWN.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content))
    compile_strictly(tmp_path, modules(folder), OWN_USE)


def test_types_of_single_schemas() -> None:
    texts: dict[str, Any] = {
        "unknown": {},
        "never": {"not": {}},
        "string | null": {"type": ["string", "null"]},
        '"a" | 1 | null': {"enum": ["a", 1, None]},
        "(string | null)[]": {"type": "array", "items": {"type": ["string", "null"]}},
        "unknown[]": {"type": "array", "minItems": 1},
        "{ [property: string]: unknown }": {"type": "object"},
        "{ [property: string]: never }": {"type": "object", "additionalProperties": False},
        "[string, number?, ...unknown[]]": {"prefixItems": [{"type": "string"}, {"type": "number"}], "minItems": 1}
        | {"type": "array"},
        "User": {"$ref": "#/$defs/User"},
        "User | null": {"anyOf": [{"$ref": "#/$defs/User"}, {"type": "null"}]},
        "Int64 | null": {"type": ["string", "null"], "format": "int64"},
        "{ [property: `x\\`\\${-${string}`]: number }": {
            "type": "object",
            "patternProperties": {r"^x`\$\{-": {"type": "number"}},
            "additionalProperties": False,
        },
    }
    writer = TypeWriter({"User": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}})
    assert [writer.type_of(of) for of in texts.values()] == list(texts)


def test_a_base_that_adds_nothing_keeps_its_name() -> None:
    user: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    writer = TypeWriter({"User": user})
    assert writer.type_of({"$ref": "#/$defs/User", "description": "The owner.", "required": ["name"]}) == "User"
    assert writer.type_of({"type": "object", "oneOf": [{"$ref": "#/$defs/User"}, {"type": "null"}]}) == "User"


def test_types_of_single_boolean_schemas() -> None:
    assert TypeWriter({}).type_of(True) == "unknown"
    assert TypeWriter({}).type_of(False) == "never"
    assert TypeWriter({}).type_of({"oneOf": [{"type": "string"}, {}]}) == "unknown"


def test_a_description_cannot_end_its_comment() -> None:
    assert "*/ alert" not in jsdoc(Doc("*/ alert()"), "")
    assert jsdoc(Doc("one\u2028two\r\n\x00three \ud800"), "") == "/**\n * one\n * two\n *  three\n */\n"
