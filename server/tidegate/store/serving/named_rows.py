"""Rows that clients can name: each property of the key has a value on the wire.

A table of another program may have other rows. SQLite lets NULL into a key that is not an integer, and PostgreSQL has
infinite times and NaN, for which JSON has no value. A row without its key could not be told from the next one, so that
it would end the subscriptions of both clients. It is left out of everything that is sent.
Invariant: what is read from a table and what is read from the log leave out the same rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from tidegate.core.filters.tree import And, Term
from tidegate.core.rows.ports import Change
from tidegate.counted import Counted

log = logging.getLogger("tidegate.store")

UNNAMED = Counted(
    log,
    logging.WARNING,
    "a row of %s has no value in its key that can be sent: clients do not get it",
    name="row_without_key",
)


def have_all(properties: Iterable[str]) -> And:
    """The rows that have a value for each of these properties."""
    return And(tuple(Term(name, "null", False) for name in properties))


def is_named(change: Change) -> bool:
    """Whether clients can name the row that changed; true for a reset, which has no row."""
    if change.key or change.action == "reset":
        return True
    UNNAMED(change.resource)
    return False
