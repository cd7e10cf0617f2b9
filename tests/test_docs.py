"""The documents say what is there: every setting, message and code, and nothing that is not one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from tests.support.gateway import ROOT
from tests.support.words import files_below, forbidden, loosened, prose_in, words_in
from tidegate import schema
from tidegate.config import Settings
from tidegate.contract import Contract
from tidegate.core.errors import Refused, error_message
from tidegate_protocol import SERVER_MESSAGES


def test_every_setting_is_documented_with_its_meaning_and_default() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \| (.*?) \| (.*) \|$", (ROOT / "docs" / "reference" / "settings.md").read_text(), re.M
    )
    documented = {name: (variable, default, meaning) for name, variable, default, meaning in rows}
    hints = get_type_hints(Settings, include_extras=True)
    assert sorted(documented) == sorted(hints)
    defaults = Settings()
    for name, hint in hints.items():
        variable, default, meaning = documented[name]
        assert get_origin(hint) is Annotated
        assert variable == f"TIDEGATE_{name.upper()}"
        assert meaning == next(m.description for m in get_args(hint) if isinstance(m, msgspec.Meta) and m.description)
        value = getattr(defaults, name)
        shown = "none" if value in (None, (), {}) else f"`{str(value).lower() if isinstance(value, bool) else value}`"
        assert default == shown, name


def schema_file(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "schema" / f"{name}.schema.json").read_text())
    return found


def fields(schema: dict[str, Any]) -> str:
    """The properties of a message, the optional ones in brackets; `type` and `ref` go without saying."""
    names = [name for name in schema["properties"] if name not in {"type", "ref"}]
    return ", ".join(f"`{name}`" if name in schema["required"] else f"[`{name}`]" for name in names) or "-"


def expected_tables() -> dict[str, list[str]]:
    """The rows that the tables of protocol.md and errors.md must have, by the first heading of each."""
    tables: dict[str, list[str]] = {"request": [], "message": [], "error": [], "close": []}
    for direction, table in (("client", "request"), ("server", "message")):
        for file in sorted((ROOT / "schema" / direction).glob("*.schema.json")):
            message = json.loads(file.read_text())
            cells = [f"`{message['properties']['type']['const']}`", fields(message)]
            cells += [f"`{message['x-reply']}`" if "x-reply" in message else "-"] if direction == "client" else []
            tables[table].append(f"| {' | '.join([*cells, message['description']])} |")
    for code, row in schema_file("types/error_code")["x-errors"].items():
        temporary = "yes" if row["temporary"] else "no"
        tables["error"].append(f"| `{code}` | {row['meaning']} | {temporary} | {row['action']} |")
    for code, row in schema_file("types/close_code")["x-closes"].items():
        tables["close"].append(f"| {code} | {row['name']} | {row['meaning']} | {row['reconnect']} |")
    return tables


@pytest.mark.parametrize("table", ["request", "message", "error", "close"])
def test_every_message_and_code_is_documented_as_the_schema_has_it(table: str) -> None:
    page = "errors.md" if table in {"error", "close"} else "protocol.md"
    text = (ROOT / "docs" / "reference" / page).read_text()
    found = re.search(rf"^\| {table} .*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found is not None
    expected = expected_tables()[table]
    assert found[1].splitlines() == expected, f"docs/reference/{page} should have:\n" + "\n".join(expected)


def test_the_json_in_the_protocol_document_is_what_the_contract_takes() -> None:
    contract = Contract(schema.bundle(schema.load(ROOT / "schema")))
    text = (ROOT / "docs" / "reference" / "protocol.md").read_text()
    lines = [line for block in re.findall(r"```jsonc?\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert len(lines) > 10
    answer = None
    for line in lines:
        arrow, message = line[:2], line[2:].strip().encode()
        if arrow == "> ":
            contract.decode(message)
        elif arrow == "! ":
            with pytest.raises(Refused) as refused:
                contract.decode(message)
            answer = json.loads(contract.encode(error_message(refused.value)))
        else:
            assert arrow == "< ", line
            told = json.loads(message)
            contract.check_server(msgspec.json.decode(message, type=SERVER_MESSAGES[told["type"]]))
            assert told["type"] != "error" or told == answer


PLAIN = (
    "clients",
    "docs",
    "schema",
    "server",
    "tests",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "Makefile",
    "pyproject.toml",
)
"""The prose of the whole project; in parts, so that a failure names its folder."""


@pytest.mark.parametrize("folder", PLAIN)
def test_prose_has_plain_words(folder: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in files_below([ROOT / folder])
        for line, word in words_in(path)
    ]
    assert found == [], "\n".join(found)


MARKDOWN = """# Whoever reads
One of its
own. `nobody` said ```anew```.

```python
anew = 1  # whoever
```
See [here](docs/nobody-listens.md); wait, else
go.
"""
PYTHON = '''"""Of its
own."""

nobody = "no one at all"  # anew, `somebody`
# it need
# not be


def test_who_comes_anew() -> None:
    """Plain."""
'''
TYPESCRIPT = """// whoever
const nobody = `of its own ${kind}`; /** told
 * of */
"""


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        (".md", MARKDOWN, [(1, "Whoever"), (2, "of its own"), (8, ", else")]),
        (".py", PYTHON, [(1, "Of its own"), (4, "no one"), (4, "anew"), (5, "need not"), (9, "test who"), (9, "anew")]),
        (".ts", TYPESCRIPT, [(1, "whoever"), (2, "of its own"), (2, "told of")]),
        (".json", '{"description": "Anew.", "const": "it is anew"}', [(1, "Anew")]),
        (".toml", "name = 'anew'\n# anew\n", [(2, "anew")]),
        (".py", "a = 1  #: it need\n#: not be\n", [(1, "need not")]),
        (".md", "> need\n> not\n", [(1, "need not")]),
    ],
)
def test_words_are_found_in_prose_alone(kind: str, text: str, found: list[tuple[int, str]]) -> None:
    assert list(forbidden(prose_in(text, kind, sentences=True))) == found
    assert {word for _, word in found} <= {word for _, word in forbidden(loosened(text))}


DOCUMENTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("clients/*/README.md"),
    ROOT / "schema/README.md",
]


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a document."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", document.read_text(), flags=re.S), re.M):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found[anchor] = found.get(anchor, -1) + 1
    return {name if number == 0 else f"{name}-{number}" for name, last in found.items() for number in range(last + 1)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text):
        file = (document.parent / target).resolve() if target else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"
