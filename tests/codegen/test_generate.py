"""Generation: the same bytes on any machine, no partial output, and no foreign file overwritten."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import ROOT
from tidegate import codegen, schema
from tidegate.cli import main

pytestmark = pytest.mark.process

APPLICATION: dict[str, Any] = {
    "types/money.schema.json": {
        "title": "Money",
        "description": "An amount.\nIn the smallest unit.",
        "type": "object",
        "properties": {"amount": {"type": "integer"}, "currency": {"enum": ["EUR", "CHF"], "default": "EUR"}},
        "required": ["amount"],
    },
    "resources/orders.schema.json": {
        "title": "Order",
        "description": 'Ends a comment */ and asks for \'quotes\' """ in ${one}.',
        "type": "object",
        "x-resource": {"key": ["shop", "number"], "table": "shop_orders"},
        "properties": {
            "shop": {"type": "string"},
            "number": {"type": "integer", "readOnly": True},
            "price": {"$ref": "../types/money.schema.json"},
            "from": {"type": "string"},
            "ship-to": {"type": ["string", "null"], "maxLength": 10},
            "state": {"enum": ["new", "paid", None]},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
            "extra": {},
            "history": {"$ref": "#/$defs/history"},
        },
        "required": ["shop", "number", "price"],
        "$defs": {"history": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "number"}]}}},
    },
    "rooms/order.schema.json": {
        "title": "OrderNews",
        "x-room": {"pattern": "order-*-news"},
        "oneOf": [{"type": "string"}, {"$ref": "../types/money.schema.json"}],
    },
    "rooms/fixed.schema.json": {"title": "Fixed", "x-room": {"pattern": "lobby"}, "const": "hello"},
    "client/pay.schema.json": {
        "title": "PayRequest",
        "type": "object",
        "x-reply": "paid",
        "properties": {
            "type": {"const": "pay"},
            "ref": {"$ref": "../types/ref.schema.json"},
            "price": {"$ref": "../types/money.schema.json"},
        },
        "required": ["type", "price"],
        "additionalProperties": False,
    },
    "client/list_all.schema.json": {
        "title": "ListAll",
        "type": "object",
        "x-reply": "rows",
        "properties": {"type": {"const": "list_all"}},
        "required": ["type"],
    },
    "server/paid.schema.json": {
        "title": "Paid",
        "type": "object",
        "properties": {"type": {"const": "paid"}, "ref": {"$ref": "../types/ref.schema.json"}},
        "required": ["type"],
    },
}


@pytest.fixture
def application(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "schema", APPLICATION)


def write_folder(folder: Path, files: dict[str, Any]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content))
    return folder


def run(*arguments: str | Path) -> int:
    return main(["generate", *map(str, arguments)])


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_committed_output_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--schema", ROOT / "schema", "--out", ROOT / "generated", "--check") == 0, capsys.readouterr().out


def test_the_output_does_not_depend_on_folder_order_or_environment(tmp_path: Path) -> None:
    """Generate in another folder and working directory, with other settings files, hash seed and locale."""
    elsewhere = tmp_path / "else where"
    shutil.copytree(ROOT / "schema", elsewhere / "schema")
    (elsewhere / "pyproject.toml").write_text(
        "[tool.ruff]\nline-length = 20\n[tool.datamodel-codegen]\nclass-name = 'Odd'\n[tool.black]\nline-length = 20\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-m", "tidegate", "generate", "--out", "out"],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = codegen.generate(schema.load(ROOT / "schema"))
    assert tree(elsewhere / "out") == {path: text.encode() for path, text in expected.items()}


def test_the_output_has_no_path_and_no_time(tmp_path: Path) -> None:
    files = codegen.generate(schema.load(ROOT / "schema"))
    for text in files.values():
        assert str(ROOT) not in text
        assert "timestamp" not in text


def test_generation_never_imports_its_own_output(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tidegate import codegen, schema;"
        f"codegen.generate(schema.load(Path({str(ROOT / 'schema')!r})));"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in {'tidegate_protocol', 'app_contract'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_second_run_changes_nothing(application: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run("--schema", application, "--out", out) == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    capsys.readouterr()
    assert run("--schema", application, "--out", out) == 0
    assert "0 changed" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.py")} == {
        path: time for path, time in before.items() if path.suffix == ".py"
    }
    assert run("--schema", application, "--out", out, "--check") == 0


def test_generate_writes_an_application_into_its_project(application: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("--schema", application, "--out", out) == 0
    assert sorted(tree(out)) == [
        "asyncapi.json",
        "openapi.json",
        "python/app_contract/__init__.py",
        "python/app_contract/base.py",
        "python/app_contract/conditions.py",
        "python/app_contract/contract.py",
        "python/app_contract/filters.py",
        "python/app_contract/models.py",
        "python/app_contract/py.typed",
        "schema/bundle.json",
        "typescript/app.ts",
    ]
    program = """
import json, msgspec, app_contract as app
order = app.Order(shop="s", number=1, price=app.Money(amount=3), from_="a", extra=[1])
assert json.loads(msgspec.json.encode(order)) == {
    "shop": "s", "number": 1, "price": {"amount": 3}, "from": "a", "extra": [1]}
pay = app.PayRequest(price=app.Money(amount=3, currency="CHF"), ref=4)
assert json.loads(msgspec.json.encode(pay)) == {"type": "pay", "ref": 4, "price": {"amount": 3, "currency": "CHF"}}
assert msgspec.json.decode(msgspec.json.encode(pay), type=app.CLIENT_MESSAGES["pay"]) == pay
assert msgspec.convert({"shop": "s", "price": {"amount": 1}}, app.OrderCreate).shop == "s"
try:
    msgspec.convert({"shop": "s", "price": {"amount": 1}, "number": 3}, app.OrderCreate)
except msgspec.ValidationError:
    pass
else:
    raise AssertionError("a readOnly property was accepted")
assert app.OrderKey(shop="s", number=1).number == 1
assert app.RESOURCES["orders"].row is app.Order
assert app.ROOMS["order-*-news"] == app.OrderNews
assert app.REPLIES == {"pay": "paid", "list_all": "rows"}
assert app.SERVER_MESSAGES["paid"] is app.Paid
assert len(app.CONTRACT) == 32
"""
    environment = {**os.environ, "PYTHONPATH": str(out / "python"), "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


ODD: dict[str, Any] = {
    "types/tree.json": {
        "title": "Tree",
        "description": 'With \\ back, \'q\', "dq", """ and {braces}.',
        "type": "object",
        "properties": {"label": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    },
    "types/list.json": {"title": "List", "type": "object", "properties": {"x": {"type": "integer"}}},
    "resources/odd.json": {
        "title": "Odd",
        "type": "object",
        "x-resource": {"key": "id"},
        "properties": {
            "id": {"type": "integer"},
            **{
                name: {"type": "string"}
                for name in ("class", "field", "from", "self", "type", "1a", "a-b", "a_b", "²", "é")
            },
            "int": {"type": "string"},
            "str": {"type": "integer"},
            "list": {"type": "array", "items": {"type": "string"}},
            "tree": {"$ref": "../types/tree.json"},
            "objects": {"oneOf": [{"$ref": "../types/tree.json"}, {"$ref": "../types/list.json"}]},
            "texts": {"anyOf": [{"enum": ["a"]}, {"type": "string", "maxLength": 3}]},
            "arrays": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "array"}]},
            "mixed": {"type": ["string", "object", "array", "number"]},
            "some": {"anyOf": [{"type": "string"}, {}]},
            "patterns": {"type": "object", "patternProperties": {"^a": {"type": "integer"}}},
            "words": {"enum": [1, "a", True, None]},
            "all": {"allOf": [{"$ref": "../types/list.json"}, {"properties": {"y": {"type": "string"}}}]},
        },
        "required": ["id", "class"],
    },
}


def test_odd_names_and_unions_generate_importable_models(tmp_path: Path) -> None:
    folder, out = write_folder(tmp_path / "schema", ODD), tmp_path / "out"
    assert run("--schema", folder, "--out", out) == 0
    program = """
import msgspec, app_contract as app
kinds = [kind for kind in vars(app).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
assert len(kinds) > 5
for kind in kinds:
    msgspec.json.Decoder(kind)
row = {"id": 1, "class": "c", "²": "e", "a-b": "x", "a_b": "y", "1a": "z", "int": "i", "str": 2, "objects": {"x": 1},
       "texts": "abc", "arrays": [1], "mixed": {"q": 1}, "words": True, "tree": {"children": [{"label": "l"}]}}
assert msgspec.to_builtins(msgspec.convert(row, app.Odd)) == row
"""
    environment = {**os.environ, "PYTHONPATH": str(out / "python"), "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_generated_hash_equals_that_of_the_gateway(application: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("--schema", application, "--out", out) == 0
    expected = schema.contract_hash(schema.bundle(schema.load(application)))
    assert f'"{expected}"' in (out / "typescript/app.ts").read_text()
    assert f'"{expected}"' in (out / "python/app_contract/contract.py").read_text()


def test_generate_reports_a_broken_schema_and_keeps_the_old_output(
    application: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("--schema", application, "--out", out) == 0
    before = tree(out)
    broken = {**APPLICATION["resources/orders.schema.json"], "x-resource": {"key": "id"}}
    write_folder(application, {"resources/orders.schema.json": broken, "rooms/fixed.schema.json": {"title": "x"}})
    capsys.readouterr()
    assert run("--schema", application, "--out", out) == 1
    lines = [line.partition(": write ")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "resources/orders.schema.json: /x-resource/key: there is no property 'id'",
        "rooms/fixed.schema.json: /: has no `x-room`",
    ]
    assert tree(out) == before


def test_a_failure_while_writing_restores_the_old_output(tmp_path: Path) -> None:
    out = tmp_path / "out"
    codegen.write({"typescript/app.ts": f"// {codegen.GENERATED} 1\n"}, out)
    (out / "python").write_text("a file where a folder must be")
    before = tree(out)
    files = {"typescript/app.ts": "// 2\n", "python/app_contract/models.py": "x = 1\n"}
    with pytest.raises(OSError):
        codegen.write(files, out)
    assert tree(out) == before


def test_generate_reports_a_missing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--schema", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda out: (out / "typescript/app.ts").write_text("changed\n"), "-changed"),
        (lambda out: (out / "typescript/app.ts").unlink(), "+++ typescript/app.ts (generated now)"),
        (lambda out: (out / "typescript/app.ts").unlink(), "more lines of typescript/app.ts"),
        (lambda out: (out / "typescript/old.ts").write_text("// old\n"), "--- typescript/old.ts (in out)"),
        (lambda out: (out / "python/app_contract/py.typed").unlink(), "py.typed"),
        (lambda out: (out / "python/app_contract/empty.py").write_text(""), "empty.py"),
        (lambda out: crlf(out / "typescript/app.ts"), "line ends"),
    ],
    ids=["changed", "missing", "long", "extra", "missing and empty", "extra and empty", "line ends"],
)
def test_check_prints_every_difference(
    application: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, told: str
) -> None:
    out = tmp_path / "out"
    assert run("--schema", application, "--out", out) == 0
    change(out)
    before = tree(out)
    capsys.readouterr()
    assert run("--schema", application, "--out", out, "--check") == 1
    said = capsys.readouterr()
    assert told in said.out
    assert "tidegate generate" in said.err
    assert tree(out) == before


def crlf(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def test_generate_deletes_files_that_it_no_longer_generates(application: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("--schema", application, "--out", out) == 0
    stale = out / "typescript" / "old.ts"
    shutil.copy(out / "typescript" / "app.ts", stale)
    assert run("--schema", application, "--out", out) == 0
    assert not stale.exists()


def test_generate_refuses_a_folder_with_a_foreign_file(application: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--out .` beside a folder called schema: the output folder of the bundle is the source folder."""
    before = tree(application.parent)
    assert run("--schema", application, "--out", application.parent) == 1
    assert "orders.schema.json" not in capsys.readouterr().out
    assert tree(application.parent) == before
