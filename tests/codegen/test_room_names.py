"""`ROOM_NAMES` and `room_name`: the names of rooms with parameters, by one table for both languages."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import node, node_program
from tidegate.codegen import room_names

PATTERNS = ["chat-*", "lobby", "doc-{doc_id}", "team-{team}-{part}", "{org}/log", "{case}-*", "a`${b}-{x}"]
MADE: list[tuple[str, dict[str, Any], str]] = [
    ("doc-{doc_id}", {"doc_id": 7}, "doc-7"),
    ("doc-{doc_id}", {"doc_id": "a-b"}, "doc-a-b"),
    ("team-{team}-{part}", {"team": "red", "part": "left-wing"}, "team-red-left-wing"),
    ("team-{team}-{part}", {"team": "{part}", "part": "{team}"}, "team-{part}-{team}"),
    ("team-{team}-{part}", {"team": "$&", "part": "$1"}, "team-$&-$1"),
    ("{org}/log", {"org": "acme"}, "acme/log"),
]
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("doc-{doc_id}", {"doc_id": ""}),
    ("team-{team}-{part}", {"team": "dark-red", "part": "x"}),
    ("team-{team}-{part}", {"team": "red", "part": ""}),
    ("{org}/log", {"org": "acme/log"}),
]
USE = """
import {{ ROOM_NAMES }} from "./app.js";
declare const console: {{ log(text: string): void }};
const made = ROOM_NAMES as unknown as Record<string, (of: unknown) => string>;
const doc: `doc-${{string}}` = ROOM_NAMES["doc-{{doc_id}}"]({{ doc_id: 7 }});
// @ts-expect-error
ROOM_NAMES["doc-{{doc_id}}"]({{ doc: 7 }});
// @ts-expect-error
ROOM_NAMES["team-{{team}}-{{part}}"]({{ team: "red" }});
// @ts-expect-error
ROOM_NAMES["chat-*"];
const cases = {cases};
console.log(JSON.stringify([doc, cases.map(([pattern, of]: [string, object]) => {{
  try {{
    return made[pattern](of);
  }} catch (error) {{
    return (error as Error).name;
  }}
}})]));
"""
OPTIONS = ["--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "--lib", "es2022"]


def test_python_makes_the_names() -> None:
    made: dict[str, Any] = {}
    exec(room_names.python(PATTERNS), made)  # generated code is what the test is about
    for pattern, parameters, name in MADE:
        assert made["room_name"](pattern, **parameters) == name
    for pattern, parameters in REFUSED:
        with pytest.raises(ValueError, match="cannot be the"):
            made["room_name"](pattern, **parameters)
    with pytest.raises(KeyError):
        made["room_name"]("chat-*")
    with pytest.raises(KeyError):
        made["room_name"]("doc-{doc_id}")


def test_python_makes_the_names_of_a_single_pattern() -> None:
    made: dict[str, Any] = {}
    exec(room_names.python(["chat-*", "team-{team}-{part}"]), made)  # as above
    assert made["room_name"]("team-{team}-{part}", team="red", part=1) == "team-red-1"
    with pytest.raises(TypeError):
        made["room_name"]("team-{team}-{part}", team="red")
    assert room_names.python(["chat-*"]) == ""
    assert room_names.typescript(["chat-*"]) == []


@pytest.mark.process
def test_typescript_makes_the_names_and_knows_the_parameters(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "app.ts").write_text("\n".join(room_names.typescript(PATTERNS)))
    cases = [(pattern, parameters) for pattern, parameters, _ in MADE] + REFUSED
    (tmp_path / "use.ts").write_text(USE.format(cases=f"{json.dumps(cases)} as [string, object][]"))
    done = subprocess.run(
        [node_program("tsc"), *OPTIONS, "app.ts", "use.ts"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    said = subprocess.run([node(), "use.js"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == ["doc-7", [name for *_, name in MADE] + ["RangeError"] * len(REFUSED)]
