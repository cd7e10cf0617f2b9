"""Loads the contract of the sample application once a process, where a gateway loads it at each start.

Reading, linting and compiling a schema folder takes two thirds of a start. Tests start hundreds of gateways, most of
them over the sample, whose files no test changes. Every other folder is read at each start.
Invariant: a gateway serves the same contract with and without it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

USERS = ("tidegate.loading", "tidegate.application", "tidegate.workers.hub_rows")
"""The modules that know `load_contract` by name."""


def remember(folder: Path) -> None:
    """From here on, gateways in the forks of this process take the contract of `folder` that this process loaded."""
    loading: Any = import_module("tidegate.loading")
    load = loading.load_contract
    schema, contract = import_module("tidegate.schema"), import_module("tidegate.contract")
    loaded = contract.Contract(schema.bundle(schema.load(folder)))

    def remembering(settings: Any) -> Any:
        asked = settings.schema_folder
        return loaded if asked is not None and asked.resolve() == folder else load(settings)

    for name in USERS:
        setattr(import_module(name), "load_contract", remembering)  # noqa: B010  # of any module
