"""Schemas of older drafts and of OpenAPI 3.0: what their words are in draft 2020-12, and files rewritten with them.

`explanation` is for the linter, `rewritten` for `tidegate check --fix`. Both only know words.
Invariant: a rewritten schema accepts exactly what the old one did. What depends on the author's intention stays.
"""

from __future__ import annotations

from tidegate.schema.older.dialects import draft_of
from tidegate.schema.older.explanations import explanation
from tidegate.schema.older.rewriting import Rewritten, rewritten

__all__ = ["Rewritten", "draft_of", "explanation", "rewritten"]
