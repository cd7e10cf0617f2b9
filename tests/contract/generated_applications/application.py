"""An application of several random schemas: its files, the code generated from them, and what fails about it.

Each stage is a function from an application to its failures. A failure names the case if the stage can tell which; then
`halves` does not have to search for it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from tests.contract.generated_applications.judges import Judge
from tests.contract.generated_applications.payloads import payloads_of, same
from tests.contract.generated_applications.schemas import Case
from tests.contract.generated_applications.sharpness import deprecated, fields, wrongs
from tests.support.node import node_program
from tidegate import codegen, schema
from tidegate.contract import Contract
from tidegate.core.errors import Refused
from tidegate.handlers import Call, Gateway, Handler
from tidegate.int64 import is_int64
from tidegate_protocol import Principal
from tidegate_protocol.plain import plain
from tidegate_protocol.typed import typed

Json = Any
CALL = Call(Principal(id="u", name="u", roles=[], anonymous=False), "c")
INHERITED = frozenset({
    "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
})  # fmt: skip
TOOLS = frozenset({"mypy", "tsc"})
TSC = [
    "--strict",
    "--noEmit",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--exactOptionalPropertyTypes",
    "--skipLibCheck",
]


@dataclass(frozen=True)
class Failure:
    """What failed. `cases`: the seeds of the schemas of which one or more are the reason."""

    stage: str
    cases: tuple[int, ...]
    text: str
    payload: Json = None

    @property
    def sign(self) -> str:
        """The kind of failure: its text without names and numbers."""
        return self.stage + re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\\d+", "_", self.text.partition("became")[0])[:60]

    def __str__(self) -> str:
        shown = "" if self.payload is None else f"\n  payload: {json.dumps(self.payload, ensure_ascii=False)[:1500]}"
        return f"{self.stage}, seed {', '.join(map(str, self.cases))}: {self.text}{shown}"


def write(cases: Sequence[Case], folder: Path) -> schema.Schemas:
    for case in cases:
        for path, content in case.files.items():
            file = folder / "schema" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return schema.load(folder / "schema")


def problems(cases: Sequence[Case], folder: Path) -> list[schema.Problem]:
    """What `tidegate check` says."""
    schemas = write(cases, folder)
    return schema.lint(schemas) or [problem for problem in schema.mistakes(schemas) if not problem.hint]


class Application:
    """Generated code of some cases, in a folder."""

    def __init__(self, cases: Sequence[Case], folder: Path) -> None:
        self.cases = tuple(cases)
        self.seeds = tuple(case.seed for case in cases)
        self.folder = folder
        self.judged: Counter[str] = Counter()
        """The payloads by Python jsonschema's verdict."""

    def failures(self, tools: Collection[str] = TOOLS) -> Iterator[Failure]:
        """The failures of all stages; later stages need the earlier ones. `tools`: the type checkers to run."""
        schemas = write(self.cases, self.folder)
        try:
            files = codegen.generate(schemas)
            codegen.write(files, self.folder / "generated")
        except Exception as error:  # any is a failure
            yield Failure("generate", self.seeds, _told(error))
            return
        contract = Contract(schema.bundle(schemas))
        accepted: dict[int, list[Json]] = {}
        try:
            package = self.imported()
        except Exception as error:
            yield Failure("import", self.seeds, _told(error))
            package = None
        for case in self.cases:
            judge = Judge(case)
            judged = [(payload, judge.accepts(payload)) for payload in self.payloads(case)]
            self.judged.update("accepted" if valid else "refused" for _, valid in judged)
            accepted[case.seed] = [payload for payload, valid in judged if valid]
            for payload, valid in judged:
                if (fault := _decoded(contract, payload, valid)) is not None:
                    yield Failure("decode", (case.seed,), fault, payload)
            if package is not None:
                yield from self.held(case, package, accepted[case.seed], contract)
        if package is not None and "mypy" in tools:
            yield from self.mypy()
        if "tsc" in tools:
            yield from self.tsc(accepted)

    def payloads(self, case: Case) -> list[Json]:
        """The whole messages that are tried."""
        return payloads_of(case)

    def imported(self) -> ModuleType:
        """The package `app_contract`, under a separate name."""
        folder = self.folder / "generated/python/app_contract"
        name = f"app_contract_{abs(hash(str(self.folder)))}"
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        finally:
            for key in [key for key in sys.modules if key.startswith(name + ".")]:
                sys.modules.setdefault(key, module)
        return module

    def held(self, case: Case, package: ModuleType, accepted: list[Json], contract: Contract) -> Iterator[Failure]:
        """Whether the type of the case holds each payload without loss."""
        if not isinstance(package.ROOMS, dict) or not isinstance(package.CLIENT_MESSAGES, dict):
            yield Failure("import", self.seeds, f"a table is {package.ROOMS!r} or {package.CLIENT_MESSAGES!r}"[:300])
            return
        table, key = (package.ROOMS, case.room) if case.room is not None else (package.CLIENT_MESSAGES, case.message)
        if key not in table:
            yield Failure("import", (case.seed,), f"{key!r} is not in the tables: {list(table)[:50]}")
            return
        model = table[key]
        title = case.schema["title"]
        if getattr(package, title, None) is not model:
            yield Failure(
                "import", (case.seed,), f"{title} is {getattr(package, title, None)!r}, and the table has {model!r}"
            )
        yield from _blunt(case, model, accepted)
        for payload in accepted:
            try:
                value = _by_handler(model, payload) if case.room is None else typed(content(case, payload), model)
                back = json.loads(contract.encode(msgspec.to_builtins({"value": plain(value)}, str_keys=True)))["value"]
            except Exception as error:
                yield Failure("convert", (case.seed,), f"{type(error).__name__}: {error}", payload)
                continue
            wanted = content(case, payload)
            if not (same(back, wanted) or (case.room is not None and _without_struct(back, wanted))):
                yield Failure("loss", (case.seed,), f"became {json.dumps(back, ensure_ascii=False)[:1500]}", payload)

    def mypy(self) -> Iterator[Failure]:
        command = [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--python-version=3.11",
            "--no-error-summary",
            "--config-file=",
        ]
        command += [f"--cache-dir={self.folder.parent / 'mypy'}", "-p", "app_contract"]
        done = subprocess.run(
            command, cwd=self.folder / "generated/python", capture_output=True, check=False, text=True, encoding="utf-8"
        )
        if done.returncode:
            yield Failure("mypy", self.seeds, (done.stdout + done.stderr)[:1500])

    def tsc(self, accepted: dict[int, list[Json]]) -> Iterator[Failure]:
        folder = self.folder / "generated/typescript"
        source = (folder / "app.ts").read_text(encoding="utf-8")
        int64 = "export type Int64 " in source
        named = ["App", "RoomData", *(["Int64"] if int64 else [])]
        for case in self.cases:
            kind = f'RoomData<"{case.room}">' if case.room is not None else f'App["clientMessages"]["{case.message}"]'
            values = [content(case, payload) for payload in accepted[case.seed]]
            lines = [f"export const v{index}: {kind} = {literal(value, int64)};" for index, value in enumerate(values)]
            for wrong in wrongs(case) if values and isinstance(values[0], dict) else ():
                lines += [
                    "// @ts-expect-error",
                    f"export const w{len(lines)}: {kind} = {literal(wrong.put_into(values[0]), int64)};",
                ]
            impossible = f"export type {case.schema['title']} = never;" in source
            for name in filter(str.isidentifier, () if impossible else deprecated(case)):
                if not re.search(rf'@deprecated[^;{{}}]*\*/\s*"?{name}"?\??:', source):
                    yield Failure("deprecated", (case.seed,), f"app.ts does not say that {name!r} is deprecated")
            text = "\n".join([f'import type {{ {", ".join(named)} }} from "./app.js";', *lines])
            (folder / f"c{case.seed}.ts").write_text(text + "\n", encoding="utf-8")
        files = ["app.ts", *(f"c{case.seed}.ts" for case in self.cases)]
        done = subprocess.run(
            [str(node_program("tsc")), *TSC, *files],
            cwd=folder,
            capture_output=True,
            check=False,
            text=True,
            encoding="utf-8",
        )
        found = [*re.finditer(r"^(\w+)\.ts\((\d+),\d+\): (.*(?:\n .*)*)", done.stdout, re.MULTILINE)]
        for match in found:
            file, line, text = match.groups()
            if file == "app":
                yield Failure("tsc", self.seeds, f"app.ts:{line}: {text}\n{source.splitlines()[int(line) - 1]}")
            else:
                seed, number = int(file[1:]), int(line) - 2
                if number < len(accepted[seed]):
                    if _beyond_types(text, accepted[seed][number]):
                        continue
                    yield Failure("literal", (seed,), text[:700], accepted[seed][number])
                else:
                    shown = (folder / f"{file}.ts").read_text(encoding="utf-8").splitlines()[number + 2]
                    yield Failure("blunt", (seed,), f"TypeScript takes a wrong value: {text[:300]}\n{shown[:1500]}")
        if done.returncode and not found:
            yield Failure("tsc", self.seeds, done.stdout[:1500] + done.stderr[:1500])


def _beyond_types(error: str, payload: Json) -> bool:
    """Whether the compiler refuses a literal for what no type can say.

    A text is no literal of `Int64`, which is the purpose of that type. A property that has no name in the schema and is
    called like a method of every object has that method for its context, so that a literal there becomes a plain type.
    """
    if re.search(r"Type 'string' is not assignable to type '(Int64\b|.*__format)", error):
        return True
    todo = [payload]
    while todo:
        value = todo.pop()
        if isinstance(value, dict) and not INHERITED.isdisjoint(value):
            return True
        todo += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return False


def content(case: Case, payload: Json) -> Json:
    """What the schema of the case is about."""
    return payload if case.room is None else payload["data"]


def _blunt(case: Case, model: Any, accepted: list[Json]) -> Iterator[Failure]:
    """What the Struct lacks, or takes although it is wrong."""
    if not (isinstance(model, type) and issubclass(model, msgspec.Struct)):
        return
    named = {name for name in fields(case) if name.isprintable() and not {'"', "\\"} & {*name}}  # msgspec's limits
    lacking = named - {*model.__struct_encode_fields__, *(["type"] if case.message else [])}
    if lacking:
        yield Failure("blunt", (case.seed,), f"the Struct has no fields for {sorted(lacking)}")
    for wrong in wrongs(case) if accepted else ():
        if wrong.python and wrong.name in named and _converts(wrong.put_into(content(case, accepted[0])), model):
            yield Failure("blunt", (case.seed,), f"the Struct takes {wrong.value!r} for {wrong.name!r}")


def _converts(value: Json, model: Any) -> bool:
    try:
        msgspec.convert(value, model)
    except msgspec.ValidationError:
        return False
    except TypeError:  # reported where a valid payload is converted
        return False
    return True


def _without_struct(back: Json, wanted: Json) -> bool:
    """Whether a room message only lost that it is the text of an integer: nothing but a Struct's field tells that."""
    if isinstance(back, list) and isinstance(wanted, list) and len(back) == len(wanted):
        return all(same(one, other) or _without_struct(one, other) for one, other in zip(back, wanted, strict=True))
    return isinstance(back, int) and isinstance(wanted, str) and str(back) == wanted


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()[:1500]


def _decoded(contract: Contract, payload: Json, valid: bool) -> str | None:
    """What is wrong about the gateway's verdict."""
    try:
        request: Any = contract.decode(json.dumps(payload).encode())
    except Refused as refused:
        return f"refused: {refused.pointer}: {refused.message}" if valid else None
    except Exception as error:
        return _told(error)
    if not valid:
        return "accepted"
    read = request.message if hasattr(request, "message") else payload
    return None if same(read, payload) else "decoded to something else"


def _by_handler(model: Any, message: Json) -> Any:
    """What a handler gets."""

    async def keep(request: Any) -> Any:
        return request

    keep.__annotations__ = {"request": model}
    gateway = Gateway()
    gateway.on("it")(keep)
    handler: Handler = gateway.handlers["it"]
    coroutine = handler(message, CALL)
    return asyncio.run(coroutine)


def literal(value: Json, int64: bool) -> str:
    """A value as TypeScript. `int64`: texts with an integer are of the type Int64 too."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {literal(inner, int64)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(inner, int64) for inner in value) + "]"
    text = json.dumps(value)
    return f"({text} as {text} & Int64)" if int64 and isinstance(value, str) and is_int64(value) else text
