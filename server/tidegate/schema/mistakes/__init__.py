"""Finds what JSON Schema and the gateway allow, but what can only be a mistake; and hints at what is one most often.

Each module finds one kind of mistake. A rule for schemas takes a `Site`, which is one schema inside a file, and yields
(pointer below the site, what is wrong and what to write). A rule for files takes all schemas and yields problems.
The gateway serves such schemas. `tidegate check` reports them.
Invariant: a problem that is no hint is a mistake whatever the application means; one mistake is one problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tidegate.schema.definition import Schemas
from tidegate.schema.mistakes.access import access_problems
from tidegate.schema.mistakes.alternatives import alternative_problems
from tidegate.schema.mistakes.annotations import unknown_annotations
from tidegate.schema.mistakes.claims import claim_problems
from tidegate.schema.mistakes.closed_parts import closed_parts
from tidegate.schema.mistakes.dead_keywords import dead_keywords
from tidegate.schema.mistakes.formats import unknown_formats
from tidegate.schema.mistakes.impossible import impossible_problems
from tidegate.schema.mistakes.messages import message_hints, message_problems
from tidegate.schema.mistakes.objects import idle_flags, required_hints, unmatched_required, untyped_hints
from tidegate.schema.mistakes.older_words import older_hints
from tidegate.schema.mistakes.patterns import escaped_hints, slashed_patterns
from tidegate.schema.mistakes.references import reference_problems
from tidegate.schema.mistakes.rooms import room_problems
from tidegate.schema.mistakes.rows import row_problems
from tidegate.schema.mistakes.site import Found, Site, sites
from tidegate.schema.mistakes.values import unfitting_values
from tidegate.schema.problem import Problem

SITE_RULES: tuple[Callable[[Site], Iterator[Found]], ...] = (
    unknown_formats,
    unfitting_values,
    dead_keywords,
    closed_parts,
    alternative_problems,
    slashed_patterns,
    unmatched_required,
)
SITE_HINTS: tuple[Callable[[Site], Iterator[Found]], ...] = (
    untyped_hints,
    required_hints,
    idle_flags,
    escaped_hints,
    older_hints,
)
FILE_RULES: tuple[Callable[[Schemas], Iterator[Problem]], ...] = (
    access_problems,
    unknown_annotations,
    claim_problems,
    message_problems,
    message_hints,
    reference_problems,
    room_problems,
    row_problems,
)


def mistakes(schemas: Schemas) -> list[Problem]:
    """All such problems, in the order of files and pointers. For schemas that the linter has no problems with."""
    found: set[Problem] = set()
    for site in sites(schemas):
        found |= {site.problem(*each) for rule in SITE_RULES for each in rule(site)}
    for file_rule in FILE_RULES:
        found |= set(file_rule(schemas))
    found |= set(impossible_problems(schemas, {(problem.file, problem.pointer) for problem in found}))
    for site in sites(schemas):
        found |= {site.hint(*each) for rule in SITE_HINTS for each in rule(site)}
    return sorted(found)
