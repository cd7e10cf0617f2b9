"""The labelled pairs of `tests/schema/compatibility`: every label is reported, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from tests.schema.compatibility import ALL
from tests.schema.compatibility.pairs import Folder
from tests.support.cases import every_case
from tidegate import schema
from tidegate.schema.compat import compare
from tidegate.schema.folder import read_folder


def read(folder: Folder, place: Path, protocol: schema.Schemas) -> schema.Schemas:
    for name, content in folder.items():
        file = place / f"{name}.schema.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    schemas = read_folder(place, protocol)
    assert schema.lint(schemas) == []
    return schemas


def test_each_change_is_told_with_its_place(tmp_path: Path) -> None:
    protocol = schema.load(None).protocol_only
    with every_case() as case:
        for number, pair in enumerate(ALL):
            with case(pair.name):
                old, new = (
                    read(folder, tmp_path / f"{number}{side}", protocol)
                    for folder, side in ((pair.old, "old"), (pair.new, "new"))
                )
                found = compare(old, new)
                told = {
                    f"{'breaking' if item.breaking else 'note'} "
                    f"{Path(item.file).name.removesuffix('.schema.json')} {item.pointer}"
                    for item in found
                }
                assert told == pair.labels, "\n".join(map(str, found))


def test_there_are_enough_pairs_and_no_name_twice() -> None:
    names = [pair.name for pair in ALL]
    assert len(names) >= 120
    assert len(set(names)) == len(names)
