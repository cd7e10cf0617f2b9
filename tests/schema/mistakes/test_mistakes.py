"""`tidegate check` on one mistake at a time: one problem, at its place, with what to write. And no false alarm."""

from __future__ import annotations

import json
from pathlib import Path

from tests.schema.mistakes.application import Files, files
from tests.schema.mistakes.right import RIGHT
from tests.schema.mistakes.wrong_meanings import MEANINGS
from tests.schema.mistakes.wrong_words import WORDS
from tests.support.cases import every_case
from tests.support.gateway import ROOT
from tidegate.cli.schema_problems import schema_problems
from tidegate.schema import Problem

LEAST = 60


def write(folder: Path, found: Files) -> Path:
    for path, content in found.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def problems(folder: Path) -> list[Problem]:
    return schema_problems(folder)[1]


def test_each_mistake_is_one_problem_that_says_what_to_write(tmp_path: Path) -> None:
    assert len(WORDS) >= LEAST
    assert len(MEANINGS) >= LEAST
    with every_case() as case:
        for number, (name, wrong) in enumerate({**WORDS, **MEANINGS}.items()):
            found = problems(write(tmp_path / str(number), files(wrong.change)))
            with case(name):
                told = "\n".join(map(str, found))
                assert [(each.file, each.pointer) for each in found] == [(wrong.file, wrong.pointer)], told
                assert found[0].hint == wrong.hint, told
                assert [part for part in wrong.says if part not in found[0].reason] == [], told


def test_what_is_right_has_no_problem_and_no_hint(tmp_path: Path) -> None:
    with every_case() as case:
        for number, (name, change) in enumerate(RIGHT.items()):
            with case(name):
                assert problems(write(tmp_path / str(number), files(change))) == []


def test_the_applications_of_the_project_have_no_problem_and_no_hint() -> None:
    with every_case() as case:
        for folder in ("schema", "server/tidegate/starter/schema"):
            with case(folder):
                assert problems(ROOT / folder) == []
