"""A counter that each attack raises, by the attack's name."""

from __future__ import annotations

from collections.abc import Mapping

COUNTED: Mapping[str, str] = {}
