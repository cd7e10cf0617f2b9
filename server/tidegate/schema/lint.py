"""What makes a schema folder unusable, all of it at once. (first checks)"""

from __future__ import annotations

from tidegate.schema.definition import Schemas
from tidegate.schema.problem import Problem


def lint(schemas: Schemas) -> list[Problem]:
    """Every problem of `schemas`."""
    return sorted(set(schemas.problems))
