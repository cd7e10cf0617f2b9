"""The parts of a SELECT on PostgreSQL that depend on what is asked: the rows, their order, the look-up of keys.

Names come only from the schema, values are only bound.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.contract import Resource
from tidegate.core.filters.tree import EVERYTHING
from tidegate.core.rows.ports import Key, ReadQuery
from tidegate.store.postgres.filters import ALIAS, NOTHING, POSTGRES
from tidegate.store.postgres.rows import INT64, INTEGER, NUMBER, TEXT, TIME, column_type
from tidegate.store.serving.named_rows import have_all
from tidegate.store.sql.filters import Condition, condition, joined
from tidegate.store.sql.names import quoted


def key_is(resource: Resource, key: Key) -> Condition:
    """The row with this key. A key that no row can have (text with NUL, no uuid) finds none."""
    parts = [POSTGRES.one_of(resource.properties[name], (key[name],)) for name in resource.key]
    return Condition(
        f"({' AND '.join(part.sql for part in parts)})", [value for part in parts for value in part.values]
    )


def _key_is_one_of(resource: Resource, keys: Sequence[Key]) -> Condition:
    if len(resource.key) == 1:
        (name,) = resource.key
        return POSTGRES.one_of(resource.properties[name], tuple(key[name] for key in keys))
    return joined("OR", (key_is(resource, key) for key in keys)) or NOTHING


def where_of(resource: Resource, query: ReadQuery) -> Condition:
    parts = []
    if query.where != EVERYTHING:
        parts.append(condition(POSTGRES, resource, query.where))
    if query.keys is not None:
        parts.append(_key_is_one_of(resource, query.keys))
    elif names := _may_lack(resource):
        parts.append(condition(POSTGRES, resource, have_all(names)))
    if not parts:
        return Condition("", [])
    return Condition(
        " WHERE " + " AND ".join(part.sql for part in parts), [value for part in parts for value in part.values]
    )


def _may_lack(resource: Resource) -> list[str]:
    """The properties of the key whose values JSON may not have: infinite times, NaN."""
    return [name for name in resource.key if column_type(resource.properties[name]) in (TIME, NUMBER, INTEGER, INT64)]


def order_of(resource: Resource, sort: Sequence[tuple[str, str]]) -> str:
    """NULL comes first, and last when descending, as in SQLite. An index helps where there is no NULL."""
    terms = [*sort, *((name, "asc") for name in resource.key if name not in {field for field, _ in sort})]
    return " ORDER BY " + ", ".join(_ordered(resource, name, order == "desc") for name, order in terms)


def _ordered(resource: Resource, name: str, descending: bool) -> str:
    prop = resource.properties[name]
    # As text, because the column may be a date or an enumerated type.
    collated = '::text COLLATE "C"' if column_type(prop) is TEXT else ""
    nulls = " NULLS LAST" if descending else " NULLS FIRST"
    return (
        f"{ALIAS}.{quoted(name)}{collated}{' DESC' if descending else ''}"
        f"{nulls if prop.column_nullable and name not in resource.key else ''}"
    )
