"""Finds the changes between two schema folders that break clients made for the older one.

The newer schemas must accept everything that older clients send: messages, new rows, changes, filters, room messages.
The older schemas must accept everything that older clients receive: gateway messages, rows, room messages. Clients
ignore unknown properties. `x-access` must still admit the users of before.
Invariant: a change that this package cannot decide counts as breaking.
"""

from __future__ import annotations

from tidegate.schema.compat.folders import compare
from tidegate.schema.compat.report import Difference

__all__ = ["Difference", "compare"]
