"""Close codes stand in one place, equal to the schema's, and are written by name everywhere else."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import ROOT
from tidegate.core import closes
from tidegate_protocol import CLOSES

SCHEMA = json.loads((ROOT / "schema/types/close_code.schema.json").read_text())
SERVER = ROOT / "server" / "tidegate"
TRANSPORT = SERVER / "transport" / "close_codes.py"
"""The codes of RFC 6455 that the transport sends by itself: it imports nothing of ours."""


def names() -> dict[int, str]:
    return {value: name.lower() for name, value in vars(closes).items() if name.isupper() and isinstance(value, int)}


def test_names_and_codes_are_those_of_the_schema() -> None:
    assert names() == {int(code): close["name"] for code, close in SCHEMA["x-closes"].items()}
    assert set(names()) == set(SCHEMA["enum"])


def test_each_code_has_a_reason_that_fits_into_a_close_frame() -> None:
    assert set(closes.REASONS) == set(names())
    assert all(0 < len(reason.encode()) <= 123 for reason in closes.REASONS.values())


def test_private_codes_say_by_their_hundreds_what_to_do_next() -> None:
    private = [code for code in CLOSES if code >= 3000]
    for code in private:
        (rule,) = [rule for codes, rule in closes.RANGES.items() if code in codes]
        assert CLOSES[code].reconnect == rule, code
    assert all(any(code in codes for code in private) for codes in closes.RANGES), "each range is in use"


def literals(file: Path) -> Iterator[tuple[int, int]]:
    """(line, number) of each number in `file` that is a close code of the gateway."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and type(node.value) is int and 4000 < node.value < 4999:
            yield node.lineno, node.value


@pytest.mark.parametrize("known", [4101, 4202])
def test_the_search_finds_a_code(tmp_path: Path, known: int) -> None:
    file = tmp_path / "module.py"
    file.write_text(f"connection.close({known}, 'too slow')\n")
    assert list(literals(file)) == [(1, known)]


def test_no_other_module_of_the_server_writes_a_private_code_as_a_number() -> None:
    powers_of_two = {4096}
    found = [
        f"{file.relative_to(ROOT)}:{line}: {number}"
        for file in sorted(SERVER.rglob("*.py"))
        for line, number in literals(file)
        if file != SERVER / "core" / "closes.py" and number not in powers_of_two
    ]
    # An example value in the documents is data for a reader, and `documents` imports nothing of the gateway.
    assert [place for place in found if "documents/words.py" not in place] == []


def test_codes_of_the_transport_are_those_of_the_list() -> None:
    codes = [
        node.value.value
        for node in ast.walk(ast.parse(TRANSPORT.read_text()))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, int)
    ]
    assert codes
    assert set(codes) <= set(names())
