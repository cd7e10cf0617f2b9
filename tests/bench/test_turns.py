"""Turns of servers at a row: their order, what a server that is slow, cut off or broken has, and what is printed."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.bench import generator, turns
from tests.bench.generator import Row, Taken, compiled, take
from tests.bench.measures import Server
from tests.bench.results import Result, failures, table
from tests.bench.transport import program
from tests.bench.turns import Entrant, Progress, left, measured

PING = Row({"ping (us)": "server_us"}, "ping", 32, 1, 150)
RATE = Row({"p50 (us)": "p50_us"}, "rate", 100, 20, 150)


class Servers:
    """Servers by name that take turns: what each answers, in order, and who was started and asked."""

    def __init__(self, **answers: list[Taken | str]) -> None:
        self.started: list[str] = []
        self.asked: list[str] = []
        self._answers = answers
        self.entrants = [Entrant(name, "", partial(self._running, name)) for name in answers]

    @contextmanager
    def _running(self, name: str) -> Iterator[Server]:
        self.started.append(name)
        yield Server(name, 0, os.getpid(), 0)

    def take(self, load: Path, server: Server, row: Row, processor: int) -> Taken:
        self.asked.append(server.name)
        answer = self._answers[server.name].pop(0)
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    def measured(self, row: Row = PING, runs: int = 3) -> Result:
        return measured(row, self.entrants, runs, Path(), self.take)


@pytest.fixture(autouse=True)
def unpinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is this process, which keeps its processors."""
    monkeypatch.setattr(turns, "pin", lambda pid, processor: None)


def figure(value: float) -> Taken:
    return {"count": 1.0, "server_us": value}


def test_servers_take_turns_there_and_back() -> None:
    servers = Servers(a=[figure(1.0), figure(2.0)], b=[figure(3.0), figure(4.0)])
    assert servers.measured(runs=2).lines == {"ping (us)": {"a": [1.0, 2.0], "b": [3.0, 4.0]}}
    assert servers.asked == ["a", "b", "b", "a"]
    assert servers.started == ["a", "b"]


def test_server_that_is_slow_has_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SLOW_S", -1.0)
    servers = Servers(a=[figure(1.0)], b=[figure(3.0)])
    assert servers.measured().lines == {"ping (us)": {"a": [1.0], "b": [3.0]}}


def test_server_that_was_cut_off_has_a_bound_and_is_started_again_for_the_next_row() -> None:
    servers = Servers(a=[figure(1.0), {"cut": 1.0, **figure(90.0)}, figure(7.0)])
    row = servers.measured()
    assert row.lines == {"ping (us)": {}}
    assert row.beyond == {"ping (us)": {"a": 90.0}}
    assert table({"ping": row}).splitlines()[-1] == "| ping (us) | more than 90.00 |"
    assert servers.measured(runs=1).lines == {"ping (us)": {"a": [7.0]}}
    assert servers.started == ["a", "a"]


def test_server_that_was_cut_off_has_no_time_on_the_clock() -> None:
    row = Servers(a=[{"cut": 1.0, **figure(90.0)}]).measured(RATE)
    assert failures({"latency": row}) == "- a, `latency`: cut off after 30 seconds"


def test_server_that_fails_has_its_sentence_and_no_further_turn() -> None:
    servers = Servers(a=[figure(1.0), "the server was silent"], b=[figure(3.0)] * 3)
    row = servers.measured()
    assert row.lines == {"ping (us)": {"b": [3.0] * 3}}
    assert row.failed == {"a": "the server was silent"}
    assert servers.asked == ["a", "b", "b", "a", "b"]


def test_time_left_is_that_of_the_turns_to_come() -> None:
    assert left({"a": 2.0, "b": 4.0}, ["b", "c", "a"]) == 4.0 + 3.0 + 2.0
    assert left({}, []) == 0.0


def test_row_that_takes_long_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    progress = Progress(3, lambda: now[0])
    progress.took("a", 5.0, 0, 90.0)
    now[0] = turns.QUIET_S + 1
    progress.took("b", 6.0, 1, 80.0)
    assert capsys.readouterr().out == "    run 2 of 3: b, 6 s; 80 s left\n"


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="the load generator needs epoll and /proc")
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_load_generator_ends_at_its_limit_with_what_was_done_or_a_bound() -> None:
    endless = Row({}, "ping", 8, 1, 2_000_000)
    with program("C", compiled("floor"), "gather") as server:
        short = take(compiled("load"), server, endless, 0, 0.2)
        assert short["server_us"] > 0
        assert 0 < short["count"] < 8 * 2_000_000
        cut = take(compiled("load"), server, endless, 0, 1e-9)
        assert cut["cut"] == 1
        assert cut["count"] == 8


@pytest.mark.process
def test_program_is_whole_while_another_process_compiles_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, compiler = tmp_path / "waits", tmp_path / "compiler"
    program.write_text("whole")
    os.utime(program, (0, 0))
    (tmp_path / "waits.c").touch()
    compiler.write_text(f'#!/bin/sh\n: > "$5"\ngrep whole {shlex.quote(str(program))} && echo newer > "$5"\n')
    compiler.chmod(0o700)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setattr(generator, "SOURCES", tmp_path)
    monkeypatch.setattr(generator, "BUILD", tmp_path)
    assert compiled("waits").read_text() == "newer\n"
    assert {file.name for file in tmp_path.iterdir()} == {"waits", "waits.c", "compiler"}
