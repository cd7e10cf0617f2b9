"""The benchmark with peers: figures, medians and ranges, the table, the page, what is kept; and the C programs once."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import peer_programs, product_rows, run
from tests.bench.chart import svg
from tests.bench.generator import Row, compiled, figure, take
from tests.bench.peer_programs import PEERS
from tests.bench.results import END, START, Kept, Result, as_json, cell, failures, noise, table, written
from tests.bench.transport import program
from tests.support.gateway import ROOT

CONDITIONS = {"runs": 3, "servers": {"a": "1.0"}}


def result(**figures: list[float]) -> Result:
    return Result({"ping (us)": dict(figures)})


def test_figure_of_the_server_is_for_one_delivery() -> None:
    taken = {"count": 40.0, "server_us": 100.0, "server_kb": 8.0, "p99_us": 70.0}
    assert [figure(taken, name) for name in ("server_us", "server_kb", "p99_us")] == [2.5, 0.2, 70.0]


def test_cell_has_the_median_and_the_range_of_several_figures() -> None:
    assert cell([3.0, 1.0, 2.0]) == "2.00 (1.00 to 3.00)"
    assert cell([7.104]) == "7.10"
    assert cell([12345.6]) == "12,346"


def test_table_has_a_column_for_each_server_and_says_the_widest_range() -> None:
    rows = {"ping": result(a=[1.0, 1.5, 2.0], b=[4.0])}
    assert table(rows).splitlines() == ["| | a | b |", "|---|---|---|", "| ping (us) | 1.50 (1.00 to 2.00) | 4.00 |"]
    assert "67%" in noise(rows)
    assert "no range is known" in noise({"ping": result(a=[1.0])})


def test_server_that_fails_has_no_figure_and_its_sentence_is_said() -> None:
    row = result(a=[1.0, 1.5], b=[4.0])
    row.fail("a", "the server was silent for 20 seconds")
    assert table({"slow": row}).splitlines()[-1] == "| ping (us) | 4.00 | failed |"
    assert failures({"slow": row}) == "- a, `slow`: the server was silent for 20 seconds"


def test_page_keeps_all_but_what_is_between_its_marks() -> None:
    page = run.PAGE.read_text(encoding="utf-8")
    once = written(page, "figures of one run")
    assert written(once, "others") == written(page, "others")
    assert once.split(START)[0] == page.split(START)[0]
    assert once.split(END)[1] == page.split(END)[1]


def test_rows_are_taken_again_only_under_the_same_conditions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = result(a=[1.0])
    row.fail("b", "no answer")
    Kept(tmp_path, CONDITIONS).put("ping", row)
    assert Kept(tmp_path, CONDITIONS).take("ping") == row
    assert Kept(tmp_path, CONDITIONS).take("message") is None
    assert Kept(tmp_path, CONDITIONS | {"servers": {"a": "1.1"}}).take("ping") is None
    assert "ping: measured again, because of another servers" in capsys.readouterr().out
    (tmp_path / "ping.json").write_text('{"conditions": ')
    assert Kept(tmp_path, CONDITIONS).take("ping") is None


def test_row_that_begins_late_has_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(product_rows, "taken", lambda name: {name: {"tidegate": 1.0}})
    kept = Kept(tmp_path, CONDITIONS)
    assert run.measure(["herd"], [], 3, kept, False)["herd"].lines == {"herd": {"tidegate": [1.0] * 3}}
    monkeypatch.setattr(run, "LATE_S", -60.0)
    assert run.measure(["herd"], [], 3, kept, False)["herd"].lines == {"herd": {"tidegate": [1.0]}}
    assert "one run, because" in capsys.readouterr().out


def test_json_has_the_conditions_and_every_figure() -> None:
    found = json.loads(as_json({"ping": result(a=[1.0, 2.0])}, CONDITIONS))
    assert found["servers"] == {"a": "1.0"}
    assert found["rows"]["ping"]["lines"] == {"ping (us)": {"a": [1.0, 2.0]}}


def test_chart_has_a_bar_for_each_server_with_the_best_first() -> None:
    rows = {
        "ping": result(tidegate=[2.0, 3.0], other=[1.0]),
        "writes": Result({"rows <a second>": {"tidegate": [9.0]}}),
    }
    drawn = ElementTree.fromstring(svg(rows, higher=["rows <a second>"]))
    texts = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [
        "ping (us), less is better",
        *("other", "1.00", "tidegate", "2.50"),
        "rows <a second>, more is better",
        *("tidegate", "9.00"),
    ]
    widths = [each.get("width") for each in drawn.iter("{http://www.w3.org/2000/svg}rect") if each.get("class")]
    assert widths == ["200.0", "500.0", "600.0"]


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="the load generator needs epoll and /proc")
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.parametrize("mode", ["send", "gather"])
def test_load_generator_gets_every_frame_of_a_floor(mode: str) -> None:
    with program("C", compiled("floor"), mode) as server:
        for kind in ("fanout", "ping", "message", "connect", "rate"):
            taken = take(compiled("load"), server, Row({}, kind, 8, 4, 5), 0)
            assert taken["server_us"] > 0
            assert kind != "rate" or 0 < taken["p50_us"] <= taken["p99_us"]
        with pytest.raises(RuntimeError, match="numbers out of range"):
            take(compiled("load"), server, Row({}, "ping", 0, 1, 1), 0)


@pytest.mark.process
def test_program_that_ends_at_once_says_why() -> None:
    starting = program("x", sys.executable, "-c", "raise SystemExit('no such thing')")
    with pytest.raises(RuntimeError, match="x did not start: no such thing"), starting:
        raise AssertionError


def test_page_names_every_row_and_every_server() -> None:
    page = run.PAGE.read_text(encoding="utf-8")
    assert [name for name in run.SETS["peers"] if f"`{name}`" not in page] == []
    assert [each.name for each in peer_programs.ALL if f"| {each.name} |" not in page] == []


@pytest.mark.process
@pytest.mark.parametrize("target", ["bench", "bench-quick", "bench-peers"])
def test_words_of_make_are_options_of_the_command(target: str) -> None:
    words = ["ROWS=ping message", "RUNS=2", "RESUME=1", "WRITE=1", "BENCH_PYTHON=/usr/bin/python3"]
    said = subprocess.run(["make", "-n", target, *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    command = next(line for line in said.splitlines() if "-m tests.bench.run" in line)
    args = run.asked().parse_args(shlex.split(command.partition("tests.bench.run")[2]))
    assert args.rows == ["ping", "message"]
    assert (args.runs, args.resume, args.write, args.python) == (2, True, True, "/usr/bin/python3")


def test_rows_have_one_name_each() -> None:
    assert not set(run.ROWS) & set(product_rows.ROWS)


@pytest.mark.parametrize("peer", peer_programs.ALL, ids=lambda peer: peer.folder)
def test_peers_pin_their_packages_and_name_no_registry(peer: peer_programs.Peer) -> None:
    assert peer.version()
    locks = [peer.source / name for name in ("go.sum", "package-lock.json", "requirements.lock")]
    (lock,) = [each for each in locks if each.exists()]
    text = lock.read_text(encoding="utf-8")
    assert "h1:" in text or "sha512-" in text or "--hash=sha256:" in text
    assert '"resolved"' not in text
    assert "--index-url" not in text


def test_every_folder_of_a_peer_is_measured() -> None:
    assert {each.name for each in PEERS.iterdir() if each.is_dir()} == {each.folder for each in peer_programs.ALL}
