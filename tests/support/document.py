"""Follows a tutorial: runs its commands, saves its files, makes its edits, and waits for the shown output.

The word after a block's language names the file of a `python`, `json`, `tsx` or `diff` block, or the program whose
output a `text` block shows. In `text`, `...` matches anything, and the text after a question is typed. This module
replaces the document's port and addresses by those of the test. It does not know Tidegate.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.gateway import clean_environment
from tests.support.terminal import TerminalProcess

FOLLOWED = {"tidegate dev": "dev", "python watch.py": "watch.py"}
"""Commands that run in the background, and their names in `text` blocks."""
INSTALLING = re.compile(r"python3 -m venv|pip install|npm ")
QUESTION = re.compile(r"(.*(?:\[y/N\]|Read:) )(.+)")
SHELLS = {
    "sqlite3": """import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60)
with connection:
    connection.execute(sys.argv[2])
connection.close()
""",
    "psql": """import psycopg, sys
assert sys.argv[2] == "-c"
with psycopg.connect(sys.argv[1]) as connection:
    connection.execute(sys.argv[3])
""",
}
"""Replacements for the shells of the databases, which a machine may not have."""


class Block(NamedTuple):
    """A fenced block."""

    language: str
    about: str
    text: str


def blocks(document: Path) -> Iterator[Block]:
    for language, about, text in re.findall(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", document.read_text(), re.DOTALL | re.M):
        yield Block(language, about, text)


class Reader:
    """Follows a document in `folder`. `close` ends what it started."""

    def __init__(self, folder: Path, replaced: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """`replaced`: the test's addresses, by those of the document."""
        self.folder = folder
        self.programs: dict[str, TerminalProcess] = {}
        self._replaced = replaced
        self._outputs: dict[str, str] = {}
        tools = folder / "tools"
        tools.mkdir()
        for name, program in SHELLS.items():
            (tools / name).write_text(f"#!{sys.executable}\n{program}")
            (tools / name).chmod(0o755)
        for name in ("python", "tidegate"):
            module = "" if name == "python" else " -m tidegate"
            (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{module} "$@"\n')
            (tools / name).chmod(0o755)
        self._environment = clean_environment() | dict(environment)
        self._environment["PATH"] = f"{tools}{os.pathsep}{self._environment['PATH']}"

    def follow(self, block: Block) -> None:
        text = block.text
        for shown, real in self._replaced.items():
            text = text.replace(shown, real)
        match block.language:
            case "sh":
                for line in text.splitlines():
                    self._run(line)
            case "text":
                if block.about in self.programs:
                    self._wait(self.programs[block.about], text)
                else:
                    assert _pattern(text).search(self._outputs[block.about]), self._outputs[block.about]
            case "diff":
                self._edit(self.folder / block.about, text)
            case "python" | "json" | "tsx":
                (self.folder / block.about).write_text(text)
            case other:
                raise AssertionError(f"a block of the language {other!r}")

    def close(self) -> None:
        for program in self.programs.values():
            program.close()

    def _run(self, line: str) -> None:
        if INSTALLING.match(line):
            return  # tests/install, the packages' tests and test/browser/react_starter.test.ts do this
        if line.startswith("cd "):
            self.folder = self.folder / line.removeprefix("cd ")
            return
        name = next((name for command, name in FOLLOWED.items() if line.startswith(command)), None)
        if name is not None:
            if name in self.programs:
                self.programs.pop(name).close()
            self.programs[name] = TerminalProcess(["sh", "-c", f"exec {line}"], self.folder, self._environment)
            return
        done = subprocess.run(
            line,
            shell=True,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        self._outputs[line.rpartition(" ")[2]] = done.stdout

    def _wait(self, program: TerminalProcess, text: str) -> None:
        for line in filter(None, text.splitlines()):
            question = QUESTION.fullmatch(line)
            shown = question[1] if question else line
            program.until(_pattern(shown))
            if question:
                program.type(question[2] + "\n")

    def _edit(self, file: Path, diff: str) -> None:
        """Replace the lines with a minus and a space by those with a plus and a space."""
        lines = diff.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        content = file.read_text()
        assert content.count(before) == 1, f"{file} does not have once:\n{before}"
        file.write_text(content.replace(before, after))


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\.\.\.", ".*"))
