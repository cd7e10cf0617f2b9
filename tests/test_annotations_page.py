"""docs/reference/annotations.md names every annotation and every key of one, as the meta-schemas have them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.support.gateway import ROOT

META = ROOT / "schema" / "meta"
PAGE = (ROOT / "docs" / "reference" / "annotations.md").read_text()
MESSAGES = {"x-reply", "x-part", "x-refusals", "x-timeout"}


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def named(heading: str) -> set[str]:
    """What the first column of a section's tables names."""
    return set(re.findall(r"^\| `([\w.-]+)`", section(heading), re.MULTILINE))


def keys(schema: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield before + name
        yield from keys(inner, f"{before}{name}.")


def test_every_key_of_an_annotation_is_explained() -> None:
    annotations = json.loads((META / "annotations.schema.json").read_text())["$defs"]
    found = {name for name in annotations if name.startswith("x-")}
    assert found == MESSAGES | {"x-resource", "x-room"}
    assert named("x-resource") == set(keys(annotations["x-resource"]))
    assert named("x-room") == set(keys(annotations["x-room"]))
    assert named("Messages") == MESSAGES


def test_every_action_of_an_access_rule_is_named() -> None:
    for folder, file in (("resources", "resource"), ("rooms", "room"), ("client", "client_message")):
        actions = set(keys(json.loads((META / f"{file}.schema.json").read_text())["properties"]["x-access"]))
        (line,) = re.findall(rf"^\| `{folder}/` \|(.*)\|$", section("x-access"), re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", line)) == actions
