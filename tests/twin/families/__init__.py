"""The families of an owner's workload, one module each."""

from __future__ import annotations

from tests.twin.families import (
    ddl,
    dml,
    dumps,
    functions,
    isolation,
    locks,
    prepared,
    publications,
    roles,
    settings,
    values,
    wide,
)
from tests.twin.statements import Family

MODULES = (dml, ddl, isolation, prepared, publications, roles, settings, dumps, values, wide, functions, locks)
FAMILIES: list[Family] = [family for module in MODULES for family in module.FAMILIES]

APART = {"ddl", "forced policies", "dumps", "wide", "widest", "functions", "replication"}
"""Families that take tables from the gateway, or whose tables are costly, have separate databases."""


def together(family: Family) -> list[Family]:
    """The families that can be played on the tables of the same databases as `family`, with itself."""
    if family.name in APART:
        return [family]
    return [one for one in FAMILIES if one.database == family.database and one.name not in APART]
