"""Makes one application of all families: its files in today's spelling, its generated code, its handlers.

Each step is what the author of such an application does: `tidegate check --fix`, `tidegate generate`, a handler with
the generated types.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import jsonschema
from jsonschema.protocols import Validator

from tests.contract.families import DRAFT_04, DRAFT_07, Family, Json
from tests.contract.families.chats import BLOCKS, EVENTS, OPCODES
from tests.contract.families.devices import BOAT, CHARGING, ZIGBEE
from tests.contract.families.tools import DEBUGGER, EDITOR, MODELS
from tests.contract.families.web import CLOUD, HOOKS, MAPS
from tests.contract.generated_applications.application import Application, Failure
from tests.contract.generated_applications.payloads import mutations_of
from tests.contract.generated_applications.schemas import Case
from tests.support.gateway import tidegate
from tidegate.checks.reference_validator import formats

FAMILIES = (CHARGING, ZIGBEE, BOAT, DEBUGGER, MODELS, EDITOR, EVENTS, BLOCKS, OPCODES, HOOKS, CLOUD, MAPS)
OLD: dict[str, type[Validator]] = {DRAFT_04: jsonschema.Draft4Validator, DRAFT_07: jsonschema.Draft7Validator}
MUTATED = 20
HANDLERS = "families_handlers"


class FamiliesApplication(Application):
    """The application in a folder, with handlers. Its cases are the requests and the rooms of the families."""

    def __init__(self, families: Sequence[Family], folder: Path) -> None:
        self.families = families
        self.fixed, self.checked = fix(families, folder)
        super().__init__(_cases(families, folder / "schema"), folder)

    def payloads(self, case: Case) -> list[Json]:
        """What the family lists, and random changes of that."""
        messages = listed(self.families[case.seed // 2], case.room is not None)
        return [*messages, *mutations_of(case, messages, MUTATED)]

    def write_handlers(self) -> None:
        """One handler a family. It gets the request as a Struct, and returns it in the reply."""
        lines = ["from app_contract import " + ", ".join(f"{f.title}{kind}" for f in self.families for kind in KINDS)]
        lines += ["from tidegate.handlers import Gateway", "", "gateway = Gateway()"]
        for family in self.families:
            request, reply = (f"{family.title}{kind}" for kind in KINDS)
            lines += ["", "", f'@gateway.on("{family.name}")']
            lines += [
                f"async def {family.name}(request: {request}) -> {reply}:",
                f"    return {reply}(request=request)",
            ]
        file = self.folder / "generated/python" / f"{HANDLERS}.py"
        file.write_text("\n".join([*lines, ""]), encoding="utf-8")

    def mypy(self) -> Iterator[Failure]:
        """The generated package and the handlers that use it."""
        self.write_handlers()
        command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", "--no-incremental"]
        # What a handler needs of Tidegate is typed, but has its tests elsewhere.
        command += ["--follow-imports=silent", "-p", "app_contract", "-m", HANDLERS]
        done = subprocess.run(
            command,
            cwd=self.folder / "generated/python",
            env={**os.environ, "MYPYPATH": "."},
            capture_output=True,
            check=False,
            text=True,
            encoding="utf-8",
        )
        if done.returncode:
            yield Failure("mypy", self.seeds, (done.stdout + done.stderr)[:3000])


KINDS = ("Request", "Reply")


def fix(families: Sequence[Family], folder: Path) -> tuple[str, str]:
    """Write the files as the families spell them, and let Tidegate rewrite them. Returns what it prints of both."""
    for family in families:
        for name, content in family.files().items():
            file = folder / "schema" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content), encoding="utf-8")
    fixed = tidegate("check", "--fix", cwd=folder)
    assert fixed.returncode == 0, fixed.stderr
    return fixed.stdout, fixed.stderr


def listed(family: Family, room: bool) -> list[Json]:
    """The whole messages that a family lists."""
    if room:
        values = [*family.in_room, *(wrong.value for wrong in family.not_in_room)]
        return [{"type": "message", "room": family.name, "data": value} for value in values]
    return [{"type": family.name, **value} for value in [*family.valid, *(wrong.value for wrong in family.invalid)]]


def pointers(family: Family, room: bool) -> list[str | None]:
    """For each message that a family lists, what its refusal names. None if it is accepted."""
    valid, wrong = (family.in_room, family.not_in_room) if room else (family.valid, family.invalid)
    return [*(None for _ in valid), *(one.pointer for one in wrong)]


def before_the_fix(family: Family, room: bool) -> Validator | None:
    """Python jsonschema with the file as the family spells it, in its draft. None if it has no draft."""
    if family.spelling is None:
        return None
    path = f"{'rooms' if room else 'client'}/{family.name}.schema.json"
    return OLD[family.spelling](family.files()[path], format_checker=formats())


def _cases(families: Sequence[Family], folder: Path) -> list[Case]:
    """A case for the request of each family, and one for its room."""
    cases = list[Case]()
    for number, family in enumerate(families):
        files = {name: json.loads((folder / name).read_text(encoding="utf-8")) for name in family.files()}
        titles = frozenset(content["title"] for content in files.values())
        cases.append(Case(2 * number, files, family.name, None, titles))
        cases.append(Case(2 * number + 1, files, None, family.name, titles))
    return cases
