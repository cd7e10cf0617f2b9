"""The committed pages show the committed figures, and nothing else between their marks."""

from __future__ import annotations

import json

from tests.bench import chart, product_rows, run
from tests.bench.curves import __main__ as curves
from tests.bench.curves.page import drawing
from tests.bench.curves.page import table as table_of_curves
from tests.bench.curves.sizes import curves as all_curves
from tests.bench.results import Result, Results, table, written

COMMITTED = json.loads(run.FIGURES.read_text(encoding="utf-8"))
RESULTS: Results = {name: Result(**row) for name, row in COMMITTED["rows"].items()}


def test_table_of_the_benchmarks_has_the_committed_figures() -> None:
    page = run.PAGE.read_text(encoding="utf-8")
    assert f"{table(RESULTS)}\n\n`{COMMITTED['command']}`" in page
    assert COMMITTED["machine"]["python"] in page


def test_page_of_costs_has_the_committed_figures() -> None:
    page = run.SUMMARY.read_text(encoding="utf-8")
    assert page == written(page, run.summarised(RESULTS, COMMITTED["command"]))


def test_chart_has_the_committed_figures() -> None:
    assert run.CHART.read_text(encoding="utf-8") == chart.svg(RESULTS, product_rows.HIGHER)


def test_curves_have_the_committed_points() -> None:
    points = json.loads((curves.DOCS / "curves.json").read_text(encoding="utf-8"))
    assert table_of_curves(all_curves(), points) in (curves.DOCS / "curves.md").read_text(encoding="utf-8")
    assert (curves.DOCS / "curves.svg").read_text(encoding="utf-8") == drawing(all_curves(), points)


def test_summary_has_bounds_failures_and_rows_by_hand() -> None:
    row = Result({"ping (us)": {"tidegate": [2.0, 1.0, 3.0], "C, send": [1.0]}})
    row.cut("ping (us)", "FastAPI", 9.0)
    row.fail("websockets", "no answer")
    written_rows = Result({"rows": {"tidegate": [9.0], "by hand, polling": [5.0]}})
    lines = run.summarised({"ping": row, "writes": written_rows}, "make bench").splitlines()
    assert lines[0].startswith("From `make bench`")
    assert lines[2:5] == [
        "| | tidegate | FastAPI |",
        "|---|---|---|",
        "| ping (us) | 2.00 | more than 9.00 |",
    ]
    assert lines[-1] == "| rows | 9.00 | 5.00 |"
