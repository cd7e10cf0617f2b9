"""Entity tags: equal for equal rows, another one after each change."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.core.rows.tags import tag

ROW: dict[str, Any] = {"id": 1, "title": "ä", "price": 1.5, "tags": ["a", "b"], "about": {"x": None, "y": [1]}}


def test_order_of_properties_does_not_matter() -> None:
    again = {**dict(reversed(ROW.items())), "about": {"y": [1], "x": None}}
    assert tag(again) == tag(ROW)
    assert tag(ROW).startswith('"')
    assert tag(ROW).endswith('"')


@pytest.mark.parametrize(
    "change",
    [{"title": "a"}, {"price": 2.0}, {"tags": ["b", "a"]}, {"about": {"x": 0, "y": [1]}}, {"more": None}, {"id": True}],
)
def test_each_change_gives_another_tag(change: dict[str, Any]) -> None:
    assert tag({**ROW, **change}) != tag(ROW)
