"""What `tidegate check` finds in a schema folder: the linter's problems, mistakes, hints, and faults of sample rows.

Causes come first: while the linter has problems, nothing is said that could follow from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.config import ConfigError

if TYPE_CHECKING:
    from tidegate.schema import Problem, Schemas

SEED = "seed.json"


def linted(folder: Path) -> tuple[Schemas, list[Problem]]:
    """The schemas of `folder`, and the linter's problems. Raises ConfigError if there is no such folder."""
    from tidegate import schema  # noqa: PLC0415  # loads the validators

    try:
        schemas = schema.load(folder)
    except schema.SchemaError as error:
        raise ConfigError(str(error)) from None
    return schemas, schema.lint(schemas)


def schema_problems(folder: Path) -> tuple[Schemas, list[Problem]]:
    """The schemas of `folder`, and everything that `tidegate check` reports. Raises ConfigError as `linted` does."""
    from tidegate import schema  # noqa: PLC0415  # loads the validators

    schemas, problems = linted(folder)
    unread = list(schema.unread_files(folder))
    if problems:
        return schemas, sorted(problems + [problem for problem in unread if not problem.hint])
    problems = sorted(schema.mistakes(schemas) + unread)
    if all(problem.hint for problem in problems):
        problems += _sample_row_problems(folder, schemas)
    return schemas, problems


def _sample_row_problems(folder: Path, schemas: Schemas) -> list[Problem]:
    """The problems of seed.json, if there is one."""
    from tidegate.contract.sample_links import link_faults  # noqa: PLC0415  # loads the validators
    from tidegate.contract.sample_rows import checked  # noqa: PLC0415
    from tidegate.schema import Problem  # noqa: PLC0415
    from tidegate.schema.folder import faults_of_json  # noqa: PLC0415
    from tidegate.schema.json_text import NotJson, read_json  # noqa: PLC0415

    file = folder / SEED
    if not file.is_file():
        return []
    try:
        content = read_json(file.read_bytes())
    except NotJson as error:
        return [Problem(SEED, "", str(error))]
    if unfit := list(faults_of_json(content)):
        return [Problem(SEED, place, reason) for place, reason in unfit]
    rows, faults = checked(schemas.resources, content, whole=True)
    return [Problem(SEED, place, reason) for place, reason in faults or link_faults(schemas.resources, rows)]
