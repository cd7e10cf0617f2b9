"""The figures of `make bench-quick`: division, medians and ranges, the table, the page; and the C programs once."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.bench import quick
from tests.bench.quick import END, PAGE, START, Row, cell, compiled, figure, noise, table, take, written
from tests.bench.transport import program


def test_figure_is_for_one_delivery() -> None:
    assert figure('{"count":40,"server_us":100.0,"server_kb":8.0}', "server_us") == 2.5
    assert figure('{"count":40,"server_us":100.0,"server_kb":8.0}', "server_kb") == 0.2


def test_cell_has_the_median_and_the_range_of_several_figures() -> None:
    assert cell([3.0, 1.0, 2.0]) == "2.00 (1.00 to 3.00)"
    assert cell([7.104]) == "7.10"


def test_table_has_a_column_for_each_server_and_says_the_widest_range() -> None:
    rows = {"ping": {"a": [1.0, 1.5, 2.0], "b": [4.0]}}
    assert table(rows).splitlines() == ["| | a | b |", "|---|---|---|", "| ping (us) | 1.50 (1.00 to 2.00) | 4.00 |"]
    assert "67%" in noise(rows)
    assert "no range is known" in noise({"ping": {"a": [1.0]}})


def test_page_keeps_all_but_what_is_between_its_marks() -> None:
    page = PAGE.read_text(encoding="utf-8")
    once = written(page, "figures of one run")
    assert written(once, "others") == written(page, "others")
    assert once.split(START)[0] == page.split(START)[0]
    assert once.split(END)[1] == page.split(END)[1]


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="the load generator needs epoll and /proc")
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.parametrize("mode", ["send", "gather"])
def test_load_generator_gets_every_frame_of_a_floor(mode: str) -> None:
    with program("C", compiled("floor"), mode) as server:
        for kind in ("fanout", "ping", "message", "connect"):
            assert take(compiled("load"), server, Row("a row", kind, 8, 4, 5), 0) > 0
        with pytest.raises(RuntimeError, match="numbers out of range"):
            take(compiled("load"), server, Row("a row", "ping", 0, 1, 1), 0)


def test_rows_are_the_ones_that_the_page_names() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in quick.ROWS if f"`{name}`" not in page] == []
