"""Rules of the application about rows: what they are asked and may say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Literal

from tidegate_protocol import Principal

Action = Literal["read", "create", "update", "delete"]
Filter = Mapping[str, Any]
"""As clients write them (docs/reference/filters.md)."""
Rule = Callable[[Principal, Mapping[str, Any]], Filter | bool]
"""Of a user and its token's claims: the rows that it may do something with; True and False are all and none."""

asked: ContextVar[bool] = ContextVar("asked", default=False)
"""Whether this code is a rule, or was called by one."""
