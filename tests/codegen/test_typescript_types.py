"""Each value that a schema accepts compiles as a literal of the generated TypeScript type, and mistakes do not.

All cases are kinds of rooms of one application, which TypeScript's compiler reads once.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.codegen.typescript_cases import CASES, Case, closed, record, ref
from tests.contract.test_keywords import GROUPS
from tests.support.node import node_program
from tidegate import schema
from tidegate.codegen.model import application
from tidegate.codegen.typescript_modules import application_module

pytestmark = pytest.mark.process

OPTIONS = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--pretty", "false"]
OPTIONS += ["--skipLibCheck", "--lib", "es2022"]  # saves two of three seconds

KEYWORDS = {f"keyword: {name}": Case(schema, accepted, []) for name, (schema, accepted, _) in GROUPS.items()}


EVERY = {**CASES, **KEYWORDS}


def values_module() -> tuple[str, dict[int, str]]:
    """A constant for each value of the table, and the value of each line."""
    lines = ['import type * as Types from "./app.js";']
    of_line: dict[int, str] = {}
    for number, (name, case) in enumerate(EVERY.items()):
        for value in case.accepted:
            lines.append(f"export const value{len(lines)}: Types.Case{number} = {json.dumps(value)};")
            of_line[len(lines)] = f"{name}: accepted {json.dumps(value)}"
        for value in case.refused:
            lines.append("// @ts-expect-error")
            of_line[len(lines)] = f"{name}: refused {json.dumps(value)}"
            lines.append(f"export const value{len(lines)}: Types.Case{number} = {json.dumps(value)};")
    return "\n".join(lines), of_line


VALUES, OF_LINE = values_module()
TAGGED: dict[str, Any] = {
    "client/say.json": {
        "title": "SayRequest",
        "type": "object",
        "properties": {
            "type": {"const": "say"},
            "parts": {"type": "array", "items": ref("Part")},
            "sender": ref("Sender"),
        },
        "required": ["type", "parts"],
        "$defs": {
            "Part": {"title": "Part", "oneOf": [ref("Text"), ref("Image")]},
            "Text": {**closed("kind text", kind={"const": "text"}, text={"type": "string"}), "title": "Text"},
            "Image": {
                "title": "Image",
                "allOf": [ref("Sized")],
                **record("kind", kind={"const": "image"}),
                "unevaluatedProperties": False,
            },
            "Sized": {**record("width", width={"type": "number"}), "title": "Sized"},
            "Sender": {
                **record("id", id={"type": "integer"}),
                "title": "Sender",
                "oneOf": [
                    {
                        "properties": {"robot": {"const": True}, "owner": {"type": "string"}},
                        "required": ["robot", "owner"],
                    },
                    {
                        "properties": {"robot": {"const": False}, "name": {"type": "string"}},
                        "required": ["robot", "name"],
                    },
                ],
            },
        },
    },
    "rooms/log.json": {
        "title": "LogEntry",
        "x-room": {"pattern": "log"},
        "description": "Old.",
        "deprecated": True,
        "type": "object",
        "properties": {
            "level": {"enum": ["info", "error"], "deprecated": True},
            "at": {"type": "string", "description": "When.\nIn UTC.", "deprecated": True},
        },
        "additionalProperties": False,
    },
}
TAGS = """
import type { Image, LogEntry, Part, SayRequest, Sized } from "./app.js";

export function described(part: Part): string {
  if (part.kind === "text") return part.text;
  const image: Image = part;
  const sized: Sized = image;
  return `${image.width} ${String(sized.colour)}`;
}
export function total(message: SayRequest): number {
  let sum = 0;
  for (const part of message.parts) {
    switch (part.kind) {
      case "text":
        sum += part.text.length;
        break;
      case "image":
        sum += part.width;
        break;
      default: {
        const nothing: never = part;
        return nothing;
      }
    }
  }
  const sender = message.sender;
  if (sender === undefined) return sum;
  const id: number = sender.id;
  return sum + id + (sender.robot ? sender.owner.length : sender.name.length);
}
export const message: SayRequest = {
  type: "say",
  parts: [{ kind: "text", text: "a" }, { kind: "image", width: 1 }],
  sender: { id: 1, robot: true, owner: "Ann", colour: "red" },
  more: true,
};
export function wrong(part: Part, entry: LogEntry): unknown {
  // @ts-expect-error: an image has no text
  if (part.kind === "image") return part.text;
  // @ts-expect-error: there is no such kind
  if (part.kind === "video") return part;
  // @ts-expect-error: the object is closed
  const typo: Part = { kind: "image", width: 1, hight: 2 };
  return [typo, entry.level];
}
"""


def write(folder: Path, path: str, content: dict[str, Any]) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(json.dumps(content))


def app_module(folder: Path) -> str:
    return application_module(application(schema.load(folder)), "hash")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], str]:
    """{(file, line): message} of the errors in app.ts, in values.ts, which has the table, and in tags.ts."""
    folder = tmp_path_factory.mktemp("application")
    for number, case in enumerate(EVERY.values()):
        room = {**case.schema, "title": f"Case{number}", "x-room": {"pattern": f"case-{number}"}}
        write(folder / "schema", f"rooms/case{number}.json", room)
    for path, content in TAGGED.items():
        write(folder / "schema", path, content)
    files = {"app.ts": app_module(folder / "schema"), "values.ts": VALUES, "tags.ts": TAGS}
    for name, text in {**files, "package.json": '{"type": "module"}'}.items():
        (folder / name).write_text(text)
    done = subprocess.run(
        [node_program("tsc"), *OPTIONS, *files], cwd=folder, capture_output=True, text=True, check=False
    )
    found = re.findall(r"^(\S+?)\((\d+),\d+\): error (.+)$", done.stdout, re.MULTILINE)
    assert found or not done.returncode, done.stdout + done.stderr
    return {(file, int(line)): message for file, line, message in found}


def test_the_generated_module_compiles(compiled: dict[tuple[str, int], str]) -> None:
    assert {place: message for place, message in compiled.items() if place[0] == "app.ts"} == {}


def test_accepted_values_are_literals_of_their_types_and_listed_mistakes_are_not(
    compiled: dict[tuple[str, int], str],
) -> None:
    failed = [f"{OF_LINE[line]}: {message}" for (file, line), message in compiled.items() if file == "values.ts"]
    assert not failed, "\n".join(failed)


def test_the_table_is_right() -> None:
    wrong = [
        f"{name}: {json.dumps(value)}"
        for name, case in CASES.items()
        for values, expected in ((case.accepted, True), (case.refused, False))
        for value in values
        if Draft202012Validator(case.schema).is_valid(value) is not expected
    ]
    assert not wrong, "\n".join(wrong)


def test_the_tag_of_a_union_narrows_it(compiled: dict[tuple[str, int], str]) -> None:
    assert {place: message for place, message in compiled.items() if place[0] == "tags.ts"} == {}


def test_rows_have_their_properties_only_and_say_what_is_deprecated(tmp_path: Path) -> None:
    row = {
        "title": "Bike",
        "description": "A bike.",
        "deprecated": True,
        "type": "object",
        "x-resource": {"key": "id"},
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "colour": {"type": "string", "description": "Its colour.", "deprecated": True},
            "size": {"type": "object", "properties": {"wheel": {"type": "number"}}, "required": ["wheel"]},
        },
        "required": ["id"],
        "anyOf": [{"required": ["colour"]}, {"properties": {"size": {"type": "object"}}, "required": ["size"]}],
    }
    write(tmp_path, "resources/bikes.json", row)
    text = app_module(tmp_path)
    open_size = "  size?: {\n    wheel: number;\n    [property: string]: unknown;\n  };\n"
    doc = "  /**\n   * Its colour.\n   * @deprecated\n   */\n"
    assert (
        f"/**\n * A bike.\n * @deprecated\n */\nexport interface Bike {{\n  id: number;\n{doc}  colour?: string;\n"
        in text
    )
    assert f"export interface BikeCreate {{\n{doc}  colour?: string;\n{open_size}}}" in text
    assert f" * @deprecated\n */\nexport interface BikeUpdate {{\n{doc}  colour?: string | null;\n" in text
    assert f"{doc}  colour?: string | null | (TextConditions & NullConditions);\n" in text
    assert "  /** @deprecated */\n  bikes: {\n    row: Bike;\n" in text


def test_code_says_what_is_deprecated(tmp_path: Path) -> None:
    for path, content in TAGGED.items():
        write(tmp_path, path, content)
    text = app_module(tmp_path)
    assert "export type Part = Text | Image;" in text
    assert "/**\n * Old.\n * @deprecated\n */\nexport interface LogEntry {" in text
    assert '  /** @deprecated */\n  level?: "info" | "error";' in text
    assert "  /**\n   * When.\n   * In UTC.\n   * @deprecated\n   */\n  at?: string;" in text
    assert "  /** @deprecated */\n  log: LogEntry;" in text
