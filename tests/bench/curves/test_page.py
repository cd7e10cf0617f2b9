"""The table and the drawing of curves, from points."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.bench.curves.page import drawing, table
from tests.bench.curves.sizes import curves

POINTS = {"members": [(10, 1.0), (100, 1.0), (1_000, 1.0)], "tables": [(1, 2.0), (10, 11.0), (100, 101.0)]}


def test_table_has_a_line_with_the_model_of_each_curve() -> None:
    head, _, members, tables = table(curves(), POINTS).splitlines()
    assert members.endswith("| 1 | 0% | 10,000: 1 |")
    assert "| 1 + 1 n | 0% | 1,000: 1e+03 |" in tables
    assert head.count("|") == members.count("|") == tables.count("|")


def test_drawing_has_a_point_for_each_size() -> None:
    root = ElementTree.fromstring(drawing(curves(), POINTS))
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 6
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 2
