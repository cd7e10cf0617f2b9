"""The diagram of a subscription's states in the documents is the one of the table."""

from __future__ import annotations

import pytest

from tests.core.rows import catch_up_diagram
from tests.core.rows.catch_up_diagram import DOCUMENT, diagram, written
from tidegate.core.rows.catch_up import TABLE


def test_the_document_has_the_diagram_of_the_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == written(text), "write it again: python -m tests.core.rows.catch_up_diagram"


def test_another_table_has_another_diagram(monkeypatch: pytest.MonkeyPatch) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    monkeypatch.setattr(catch_up_diagram, "TABLE", TABLE[1:])
    assert written(text) != text


def test_a_label_has_the_event_the_condition_and_the_answer() -> None:
    lines = diagram().splitlines()
    assert "    waiting --> live: feed follows [only new changes] / live" in lines
    assert "    snapshot --> recovering: pages sent" in lines
    assert "    recovering --> live: [caught up] / live" in lines
