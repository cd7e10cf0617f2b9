"""SECURITY.md: each test and each attack that it names exists, and it names each attack of the suite."""

from __future__ import annotations

import re

import pytest

from tests.attacks.table import ATTACKS
from tests.support.gateway import ROOT
from tidegate.config import Settings

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [tuple(cell.strip() for cell in row) for row in re.findall(r"^\| (.+?) \| (.+?) \| (.+) \|$", PAGE, re.M)]
THREATS = [row for row in ROWS if row[0] != "threat" and "`" in row[2]]


def test_the_page_has_a_table_of_threats() -> None:
    assert len(THREATS) >= 30
    assert [row for row in ROWS if row[0] != "threat" and row not in THREATS] == []


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[0])
def test_each_named_test_exists(row: tuple[str, str, str]) -> None:
    for name in re.findall(r"`([^`]+)`", row[2]):
        assert name in ATTACKS or (name.startswith("tests/") and (ROOT / name).is_file()), name


def test_each_attack_stands_in_the_table() -> None:
    named = {name for row in THREATS for name in re.findall(r"`([^`]+)`", row[2])}
    assert sorted(ATTACKS.keys() - named) == []


def test_settings_that_switch_a_defence_off_stand_on_the_page() -> None:
    switches = {name for attack in ATTACKS.values() for name in attack.without}
    assert switches <= set(Settings.__struct_fields__)
    assert sorted(name for name in switches if f"`{name}`" not in PAGE) == []
