"""Brings the generated types of the protocol into the packages of `tidegate-client`.

A checkout keeps `tidegate_protocol` in generated/python, outside this folder. An unpacked source package has it here.
It does not generate the types: `tidegate generate` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "tidegate_protocol"


class ProtocolTypes(BuildHookInterface[Any]):
    """Adds the package, unless it is here or the build is an editable one, which links to it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        here = Path(self.root)
        if version != "editable" and not (here / PACKAGE).is_dir():
            build_data["force_include"][str(here.parents[1] / "generated" / "python" / PACKAGE)] = PACKAGE
