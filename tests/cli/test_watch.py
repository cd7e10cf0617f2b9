"""`tidegate generate --watch`: it generates after each save, keeps the output of a broken file, and ends by Ctrl-C.

The test controls the time: between two looks it saves files as an editor would.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.schema.lint.test_lint import sound, write
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import clean_environment
from tidegate import codegen
from tidegate.cli import generate
from tidegate.cli.watch import changes, look, watch

CHAT = "rooms/chat.schema.json"


def chat(**keywords: object) -> str:
    return json.dumps({**sound()[CHAT], **keywords})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "schema", sound())


def between(*steps: Callable[[], object]) -> Callable[[], None]:
    """Do one of `steps` at each look, then press Ctrl-C."""
    left = iter(steps)

    def wait() -> None:
        step = next(left, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    return wait


def output(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_watch_generates_after_each_save_and_keeps_the_output_of_a_broken_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "generated"
    args = argparse.Namespace(out=out, check=False, watch=True)
    told: list[tuple[str, str]] = []
    states: list[dict[str, bytes]] = []

    def worked() -> int:
        code = generate.generate(folder, args)
        captured = capsys.readouterr()
        told.append((captured.out, captured.err))
        states.append(output(out))
        return code

    good = chat(properties={"headline": {"type": "string"}})
    watch(
        folder,
        worked,
        between(
            lambda: None,
            lambda: (folder / CHAT).write_text(good),
            lambda: (folder / CHAT).write_text(good[:-9]),
            lambda: (folder / CHAT).write_text(chat(propertys={})),
            (folder / CHAT).unlink,
        ),
    )
    first, saved, unfinished, typo, removed = told
    assert "files," in first[0]
    assert b"headline" in states[1]["typescript/app.ts"]
    assert b"headline" not in states[0]["typescript/app.ts"]
    assert f"{folder / CHAT}: changed" in saved[0]
    assert "  typescript/app.ts\n" in saved[0]
    assert f"{CHAT}: /: not JSON" in unfinished[1]
    assert "the output is unchanged" in typo[0]
    assert f"{CHAT}: /propertys: " in typo[1]
    assert "did you mean 'properties'?" in typo[1]
    assert states[1] == states[2] == states[3]
    assert b"Chat" not in states[4]["typescript/app.ts"]
    assert f"{folder / CHAT}: removed" in removed[0]
    assert capsys.readouterr().out.endswith("Ctrl-C ends it\nstopped\n")


def test_watch_waits_for_the_next_save_after_any_failure(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each failure is a line on stderr, and the last save generates as if there had been none."""
    out, kept = tmp_path / "generated", tmp_path / "kept"
    args = argparse.Namespace(out=out, check=False, watch=True)
    errors: list[list[str]] = []

    def worked() -> int:
        code = generate.generate(folder, args)
        errors.append(capsys.readouterr().err.splitlines())
        return code

    def save(number: int) -> None:
        (folder / CHAT).write_text(chat(description=f"Save {number}."))

    def block_the_output() -> None:
        out.rename(kept)
        out.write_text("a file where the folder was")
        save(1)

    def break_the_generators() -> None:
        out.unlink()
        kept.rename(out)
        monkeypatch.setattr(codegen, "application_package", lambda *_: 1 // 0)
        save(2)

    def replace_by_a_folder() -> None:
        monkeypatch.undo()
        (folder / CHAT).unlink()
        (folder / CHAT).mkdir()
        save_other()

    def save_other() -> None:
        (folder / "rooms/other.json").write_text(json.dumps({**sound()[CHAT], "title": "Other"}))

    def remove_all() -> None:
        folder.rename(tmp_path / "elsewhere")

    def come_back() -> None:
        (tmp_path / "elsewhere").rename(folder)
        (folder / CHAT).rmdir()
        save(3)
        (folder / "rooms/other.json").unlink()

    steps = (block_the_output, break_the_generators, replace_by_a_folder, remove_all, come_back)
    watch(folder, worked, between(*steps))
    first, blocked, broken, replaced, removed, last = errors
    assert (first, last) == ([], [])
    assert blocked == [f"tidegate: cannot write {out}: File exists"]
    (line,) = broken
    assert "please report it with the schema files (ZeroDivisionError: " in line
    assert replaced == [f"{CHAT}: /: cannot be read: Is a directory"]
    assert removed == [f"{folder}: /: this folder does not exist"]
    assert "Save 3." in (out / "typescript/app.ts").read_text()


def test_watch_names_a_file_that_no_terminal_can_print(tmp_path: Path) -> None:
    name = tmp_path / "a\udcff\n.json"
    assert changes({}, {name: (1, 1, 1)}) == [f"{tmp_path}/a\\udcff\\n.json: new"]


def test_watch_does_nothing_without_a_save(folder: Path) -> None:
    done: list[int] = []

    def work() -> int:
        done.append(1)
        return 0

    watch(folder, work, between(*[lambda: None] * 5))
    assert done == [1]


def test_watch_notices_a_save_during_the_work(folder: Path) -> None:
    done: list[int] = []

    def work() -> int:
        if not done:
            (folder / "rooms" / "new.schema.json").write_text("{}")
        done.append(1)
        return 0

    watch(folder, work, between(lambda: None, lambda: None))
    assert done == [1, 1]


def test_watch_notices_a_file_replaced_by_one_of_equal_size_and_time(folder: Path) -> None:
    before = look(folder)
    new = folder / "new"
    new.write_text((folder / CHAT).read_text())
    stamp = before[folder / CHAT][0]
    os.utime(new, ns=(stamp, stamp))
    new.replace(folder / CHAT)
    assert changes(before, look(folder)) == [f"{folder / CHAT}: changed"]


class Running:
    """`tidegate generate --watch` in a separate process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tidegate", "generate", "--watch"]
        environment = clean_environment()
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes)  # type: ignore[call-overload]
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def until(self, wanted: str) -> str:
        """The output up to the line that contains `wanted`."""
        said = ""
        while wanted not in said:
            said += self._lines.get(timeout=DEADLINE_S)
        return said

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)


@pytest.fixture
def running(folder: Path) -> Iterator[Running]:
    running = Running(folder.parent)
    yield running
    running.end()


def test_generate_watch_runs_until_ctrl_c(running: Running, folder: Path) -> None:
    running.until("watching schema")
    (folder / CHAT).write_text(chat(properties={"headline": {"type": "string"}}))
    assert f"schema/{CHAT}: changed" in running.until("watching schema")
    assert "headline" in (folder.parent / "generated" / "typescript" / "app.ts").read_text()
    (folder / CHAT).write_text(chat(propertys={}))
    assert f"{CHAT}: /propertys: " in running.until("the output is unchanged")
    running.process.send_signal(signal.SIGINT)
    running.until("stopped")
    assert running.process.wait(timeout=DEADLINE_S) == 0
