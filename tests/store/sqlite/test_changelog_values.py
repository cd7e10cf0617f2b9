"""Every value that SQLite can keep is in the change log as it is in its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.store.application import ANYONE, RESOURCES, Foreign, add, created
from tests.store.program import connect
from tidegate.schema.resource import read_resource
from tidegate.store.sqlite.rows import RowReader

NOTE = {
    "title": "Note",
    "type": "object",
    "x-resource": {"key": "code"},
    "x-access": ANYONE,
    "properties": {"code": {"type": "string"}, "text": {"type": "string"}},
    "required": ["code"],
}
NOTES = {"notes": read_resource("notes", NOTE, {})}
REAL_MAX, REAL_MIN = 1.7976931348623157e308, 5e-324
HARD = -1.0112952120928272e307
"""SQLite before 3.43 gets its 17th digit wrong."""


@pytest.mark.parametrize(
    "weight",
    (0.1, 0.1 + 0.2, 1 / 3, 1e22, 1e23, 1e308, REAL_MAX, -REAL_MAX, REAL_MIN, HARD, -0.0, 5, 2**53 + 1, None),
)
def test_numbers_are_logged_exactly(program: Foreign, weight: float | None) -> None:
    add(program, "a", weight=weight)
    (entry,) = program.log()
    assert entry.new is not None
    assert entry.new["weight"] == (None if weight is None else float(weight))


def test_an_infinity_is_logged_as_null_and_breaks_nothing(program: Foreign) -> None:
    program.connection.execute("INSERT INTO boats (code, weight) VALUES ('a', 9e999), ('b', -9e999)")
    assert [(entry.new or {})["weight"] for entry in program.log()] == [None, None]


@pytest.mark.parametrize("sign", [2**63 - 1, -(2**63), 2**53 + 1, 0, True, None])
def test_integers_are_logged_exactly(program: Foreign, sign: int | None) -> None:
    add(program, "a", sign=sign)
    assert (program.log()[0].new or {})["sign"] == sign


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\0b",
        "\0",
        "quote \" and \\ and / and '",
        "\x01\x1f\x7f\n\r\t",
        "grüße 🌊 \u2028 \uffff",
        "e\u0301 is not é",
        '{"$blob": "00"}',
        "null",
    ],
)
def test_text_is_logged_exactly(program: Foreign, text: str) -> None:
    add(program, f"k{text}", name=text, harbour=text, extra=json.dumps(text))
    program.run("UPDATE boats SET name = name || ?", text + "x")
    program.run("INSERT OR REPLACE INTO boats (code) VALUES (?)", f"k{text}")
    program.run("DELETE FROM boats")


@pytest.mark.parametrize("text", ["[]", '["a", 1]', ' {"a" : {"b": null}} ', "1.50", '"text"', "null", "true"])
def test_json_is_logged_as_its_text(program: Foreign, text: str) -> None:
    add(program, "a", tags=text, papers=text, extra=text)
    (entry,) = program.log()
    assert [(entry.new or {})[name] for name in ("tags", "papers", "extra")] == [text] * 3


def test_results_of_json_functions_are_logged_like_any_text(program: Foreign) -> None:
    """SQLite marks their results as JSON, and its other JSON functions would not quote them."""
    program.run(
        """INSERT INTO boats (code, tags, papers) VALUES ('a', json('[1]'), json_object('a', json('{"b":1}')))"""
    )
    program.run("UPDATE boats SET tags = json_insert(tags, '$[#]', 'x'), extra = json_array(1), name = json('{}')")
    assert program.run("UPDATE boats SET tags = json(tags)") == []
    (entry,) = program.run("INSERT INTO boats (code) VALUES (json('[2]'))")
    assert entry.key == ("[2]",)
    program.run("UPDATE boats SET code = json('{}') WHERE code = 'a'")


def test_a_blob_is_logged_where_a_table_allows_one(path: Path) -> None:
    """A table that was there before Tidegate may lack the checks."""
    program = Foreign(connect(path))
    program.connection.executescript("PRAGMA writable_schema = on; PRAGMA ignore_check_constraints = on;")
    for blob in (b"", b"\x00\xff", b'{"a":1}'):
        program.run("INSERT INTO boats (code, name, sign, weight, extra) VALUES (?, ?, ?, ?, ?)", *[blob] * 5)
    program.run("UPDATE boats SET name = x'01'")
    program.run("INSERT OR REPLACE INTO boats (code, weight) VALUES (?, 'no number')", b"\x00\xff")
    program.run("DELETE FROM boats")
    program.close()


def test_text_that_is_not_utf_8_breaks_nothing(program: Foreign) -> None:
    program.run("INSERT INTO boats (code, name) VALUES ('a', CAST(x'41ff42' AS TEXT))")
    program.run("UPDATE boats SET weight = 1")
    assert [(entry.new or {})["name"] for entry in program.log()] == ["A\ufffdB", "A\ufffdB"]


def test_a_program_that_does_not_trust_the_schema_can_write_every_text(tmp_path: Path) -> None:
    """SQLite 3.38 to 3.40 call no JSON function in a trigger then."""
    created(path := tmp_path / "app.db", NOTES)
    program = Foreign(connect(path), NOTES)
    program.run("PRAGMA trusted_schema = OFF")
    texts = [f"a{character}b" for character in '\0\x01\t\n\r\x1f !"#[\\]^\x7f\x80\ud7ff\U0010fffd\U0010ffff']
    texts += ["", "\0", "\\u0041", "\ufeffa", "x" * 200, "é" * 201, "🌊" * 300, '"' * 300, "x" * 300 + "\0"]
    for number, text in enumerate(texts):
        (entry,) = program.run("INSERT INTO notes (code, text) VALUES (?, ?)", f"{number} {text}", text)
        assert entry.new is not None
        assert (entry.key, entry.new["text"]) == ((f"{number} {text}",), text)
    program.run("UPDATE notes SET text = text || '\\'")
    program.run("UPDATE OR REPLACE notes SET code = 'same'")
    program.run("DELETE FROM notes")
    program.close()


@pytest.mark.parametrize("text", ['"a\\"\\\\\\n\\u0000b"', '{"$text":"61225C0A0062"}'])
def test_images_of_former_triggers_read_like_todays(text: str) -> None:
    row = RowReader(RESOURCES["boats"]).image(f'{{"code":{text},"name":{text}}}')
    assert row is not None
    assert (row["code"], row["name"]) == ('a"\\\n\0b',) * 2
