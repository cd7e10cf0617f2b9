"""Generated types of integers of 64 bits: `int` in Python, a branded text in TypeScript."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.codegen.test_typescript import compile_strictly
from tests.contract.test_int64 import CALL, POSTS, TICKS
from tidegate import codegen, schema

pytestmark = pytest.mark.process

KIND = {"type": "string", "format": "int64", "enum": ["1", "2"], "description": "What it is."}
LIKES = {
    "title": "Like",
    "type": "object",
    "x-resource": {"key": ["post", "person"]},
    "properties": {"post": {"type": "string", "format": "int64"}, "person": {"type": "string"}},
    "required": ["post", "person"],
}
FILES: dict[str, Any] = {
    "resources/posts.json": {**POSTS, "properties": {**POSTS["properties"], "kind": KIND}},  # type: ignore[dict-item]
    "resources/likes.json": LIKES,
    "rooms/ticks.json": TICKS,
    "client/call.json": CALL,
}
PROGRAM = """
import json, msgspec, app_contract as app
from tidegate_protocol.plain import plain
BIG = 2**53 + 1
row = msgspec.convert({"id": str(BIG), "parent": None, "likes": ["-1"], "kind": "2"}, app.Post, strict=False)
assert (row.id, row.likes, row.kind) == (BIG, [-1], 2), row
call = msgspec.convert({"type": "call", "number": "5", "ref": 1}, app.CallRequest, strict=False)
assert (call.number, call.ref) == (5, 1)
print(json.dumps([
    plain(row),
    plain(call),
    plain({"data": app.Tick(at=-BIG), "count": 1}),
    plain(app.LikeKey(post=BIG, person="ada")),
    plain(app.PostFilters(
        id=app.OrderConditions(gt=BIG, between=(1, 2), in_=[3]), parent=None, likes=app.ListConditions(ina=[4]),
        kind=1, or_=[app.PostFilters(id=5)],
    )),
    plain([app.PostUpdate(parent=None), app.PostCreate(id=7, likes=[])]),
]))
"""
USE = """
import type { CallRequest, Int64, Like, Post, PostFilters, Resources, RoomData } from "./app.js";

declare const big: Int64;
const post: Post = { id: big, parent: null, likes: [big], kind: big };
const text: string = post.id;
const read: bigint = BigInt(post.id);
const filters: PostFilters = { id: { gt: big, in: [big], between: [big, big] }, parent: null, likes: { ina: [big] } };
const key: Resources["posts"]["key"] = post.id;
const pair: Resources["likes"]["key"] = { post: big, person: "ada" };
const tick: RoomData<"ticks"> = { at: big };
const call: CallRequest = { type: "call", number: big };

// @ts-expect-error: any text is no integer
const other: Like = { post: "seven", person: "ada" };
// @ts-expect-error: a number is not exact
const number: Resources["posts"]["key"] = 7;
// @ts-expect-error: an integer has no letters
const letters: PostFilters = { id: { contains: "1" } };
"""


def test_int_in_python_and_a_branded_text_in_typescript(tmp_path: Path) -> None:
    for path, content in FILES.items():
        (tmp_path / "schema" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "schema" / path).write_text(json.dumps(content))
    assert schema.lint(schema.load(tmp_path / "schema")) == []
    files = codegen.generate(schema.load(tmp_path / "schema"))
    codegen.write(files, tmp_path / "out")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "out" / "python")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    big = str(2**53 + 1)
    assert json.loads(done.stdout) == [
        {"id": big, "parent": None, "likes": ["-1"], "kind": "2"},
        {"type": "call", "number": "5", "ref": 1},
        {"data": {"at": f"-{big}"}, "count": 1},
        {"post": big, "person": "ada"},
        {
            "id": {"gt": big, "between": ["1", "2"], "in": ["3"]},
            "parent": None,
            "likes": {"ina": ["4"]},
            "kind": "1",
            "or": [{"id": "5"}],
        },
        [{"parent": None}, {"id": "7", "likes": []}],
    ]
    compile_strictly(tmp_path, {"app.ts": files["typescript/app.ts"]}, USE)
