"""The guard of costs: what it calls slower, what it does on a machine it does not know, and that it finds faults."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench.guard import __main__ as guard
from tests.bench.guard import baseline, history
from tests.bench.guard.figures import SEEDED, low, slowed
from tests.bench.guard.paths import PATHS, prepared
from tests.bench.guard.verdicts import COARSE, LIMIT, medians, table, verdict
from tests.support.gateway import ROOT

BURNERS = (
    "a, b = bytearray(1 << 26), bytearray(1 << 26)\nwhile True: a[:] = b",
    "d = dict.fromkeys(range(1 << 20))\nwhile True: d[hash(str(len(d))) & 0xFFFFF] = [1]",
    "import time\nwhile True: sum(range(10_000)); time.sleep(0.001)",
)
"""Programs that take the processors: one the memory's bandwidth, one the caches, one for moments only."""
FIGURES = {"one": 1.0, "two": 2.0}


def test_path_is_slower_only_above_the_limit() -> None:
    judged = verdict({"one": LIMIT - 0.01, "two": 2 * LIMIT + 0.1}, FIGURES)
    assert judged.slower == ["two"]
    assert not judged.good
    assert [line.endswith("slower") for line in table(judged)] == [False, False, True]


def test_quicker_path_is_told_and_does_not_fail() -> None:
    judged = verdict({"one": 0.5, "two": 2.0}, FIGURES)
    assert judged.quicker == ["one"]
    assert judged.good


@pytest.mark.parametrize("found", [{"one": 1.0}, {**FIGURES, "three": 1.0}])
def test_path_without_a_figure_fails(found: dict[str, float]) -> None:
    judged = verdict(found, FIGURES)
    assert not judged.good
    assert list(table(judged))[-1].endswith("no figure")


def test_path_that_seems_slow_is_measured_in_further_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [{"one": 1.3, "two": 2.5}, {"one": 1.2, "two": 2.4}, {"one": 1.0, "two": 2.4}]
    more = [{"one": 1.0, "two": 2.5}] * 3
    figures = iter([*first, *more])
    asked: list[object] = []

    def measure(paths: object = (), slow: str | None = None) -> dict[str, float]:
        asked.append(paths)
        return next(figures)

    monkeypatch.setattr(guard, "measure", measure)
    monkeypatch.setattr(baseline, "key", lambda: "here")
    monkeypatch.setattr(baseline, "read", lambda: {"here": FIGURES})
    judged = guard.check()
    assert judged.slower == ["two"]
    assert judged.ratios["one"] == 1.0
    assert asked == [(), (), (), ["one", "two"], ["one", "two"], ["one", "two"]]


def test_figure_is_the_median_of_processes() -> None:
    assert medians([{"one": 1.0}, {"one": 9.0}, {"one": 1.2}]) == {"one": 1.2}


def test_slice_that_a_clock_made_too_short_is_not_the_figure() -> None:
    assert low([100] * 19 + [1]) == 100
    assert low([100] * 5 + [900] * 15) == 100


def test_slowed_path_takes_a_quarter_more() -> None:
    def work() -> None:
        sum(range(200_000))

    def cost(run: object) -> int:
        began = time.thread_time_ns()
        assert callable(run)
        run()
        return time.thread_time_ns() - began

    plain, slow = (low([cost(run) for _ in range(20)]) for run in (work, slowed(work)))
    assert SEEDED * 0.9 < slow / plain < SEEDED * 1.1


def test_processor_is_told_by_its_numbers(tmp_path: Path) -> None:
    information = tmp_path / "cpuinfo"
    information.write_text("processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n\nprocessor\t: 1\n")
    assert baseline.processor(information).endswith("AMD EPYC 26/2")
    assert baseline.processor(tmp_path / "missing")


def test_figures_of_one_machine_leave_those_of_others(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    assert baseline.read(file) == {}
    baseline.write({"one": 1.23456}, "Python 3.11 plain, a", file)
    baseline.write({"one": 2.0}, "Python 3.13 plain, a", file)
    known = baseline.read(file)
    assert known == {"Python 3.11 plain, a": {"one": 1.235}, "Python 3.13 plain, a": {"one": 2.0}}
    assert baseline.nearest(known, "Python 3.13 plain, b") == "Python 3.13 plain, a"
    assert baseline.nearest(known, "Python 3.12 plain, b") == "Python 3.11 plain, a"
    assert baseline.nearest({}, "Python 3.12 plain, b") is None


def test_baseline_has_each_path() -> None:
    for name, figures in baseline.read().items():
        assert set(figures) == set(PATHS), name


def test_each_path_does_its_work() -> None:
    cheap = [name for name in PATHS if "100,000" not in name]
    with prepared(cheap) as works:
        for _ in range(2):
            for work in works.values():
                work()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that the baseline does not know, on which all paths cost 1.3 times as much."""
    monkeypatch.setattr(baseline, "key", lambda: "Python 3.99 plain, another")
    monkeypatch.setattr(baseline, "read", lambda: {"Python 3.11 plain, one": FIGURES})
    monkeypatch.setattr(guard, "measure", lambda **_: {name: 1.3 * figure for name, figure in FIGURES.items()})


@pytest.mark.usefixtures("elsewhere")
def test_unknown_machine_measures_the_commit_of_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "reference", lambda: "c0ffee")
    monkeypatch.setattr(history, "against", lambda commit, slow: verdict({"one": 2.0}, {"one": 1.0}))
    assert guard.check().slower == ["one"]


@pytest.mark.usefixtures("elsewhere")
def test_unknown_machine_without_history_says_how_coarse_it_judges(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def reference() -> str:
        raise history.NoHistory("this is no Git checkout with its history")

    monkeypatch.setattr(history, "reference", reference)
    assert guard.check().limit == COARSE
    assert "ONLY COARSE" in capsys.readouterr().out
    monkeypatch.setattr(baseline, "read", dict)
    with pytest.raises(SystemExit, match="there is no baseline"):
        guard.check()


@pytest.mark.process
def test_shallow_checkout_has_no_commit_to_compare_with(tmp_path: Path) -> None:
    """Its one commit seems to have written every file, so that each checkout would be compared with itself."""
    whole, shallow = tmp_path / "whole", tmp_path / "shallow"
    file = whole / baseline.FILE.relative_to(ROOT)
    file.parent.mkdir(parents=True)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run([*git, "init", "-q", whole], check=True)
    with pytest.raises(history.NoHistory, match="no commit has the baseline"):
        history.reference(whole)
    for text in ("{}", "{ }"):
        file.write_text(text)
        subprocess.run([*git, "-C", whole, "add", "-A"], check=True)
        subprocess.run([*git, "-C", whole, "commit", "-q", "-m", "a"], check=True)
    assert len(history.reference(whole)) == 40
    subprocess.run([*git, "clone", "-q", "--depth", "1", whole.as_uri(), shallow], check=True)
    with pytest.raises(history.NoHistory, match="no Git checkout with its history"):
        history.reference(shallow)
    with pytest.raises(history.NoHistory, match="no Git checkout with its history"):
        history.reference(tmp_path)


@pytest.mark.process
def test_code_that_cannot_run_the_paths_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(history.Unmeasurable, match="No module named"):
        history.measure(tmp_path)


@contextmanager
def busy() -> Iterator[None]:
    """Other programs want more than the processors have."""
    burners = [subprocess.Popen([sys.executable, "-c", text]) for text in BURNERS]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


@pytest.mark.long
@pytest.mark.process
@pytest.mark.timeout(3600)
def test_slowed_path_is_found_twenty_times_of_twenty_on_a_busy_machine_and_nothing_else() -> None:
    if baseline.key() not in baseline.read():
        pytest.skip(f"the baseline has no figures of {baseline.key()}: make bench-check WRITE=1 adds them")
    names = list(PATHS)
    with busy():
        for number in range(20):
            slow = names[number % len(names)]
            judged = guard.check(slow)
            others = max(ratio for name, ratio in judged.ratios.items() if name != slow)
            print(f"run {number + 1}: {slow} {judged.ratios[slow]:.3f}, the others at most {others:.3f}", flush=True)
            assert judged.slower == [slow], f"run {number + 1}"
