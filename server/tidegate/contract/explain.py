"""Explains why a message is refused: the typed violations of a schema.

It runs only after a refusal, stops after ten violations, and looks at an excerpt of a large value. The texts name
places, keywords and limits, never values.
Invariant: the pointer of an unexpected property names the property, that of a missing property the object without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import islice
from typing import Any

from jsonschema_rs import ValidationError

from tidegate.contract import texts
from tidegate.contract.closest import UNIONS, closest, only_missing
from tidegate.contract.compiled import CompiledSchema
from tidegate.contract.dispatch import TAG
from tidegate.contract.evaluated import Applied
from tidegate.contract.excerpt import STEPS, SURE, Excerpt
from tidegate.core.errors import nearest, shorten
from tidegate.json_pointer import escape, pointer
from tidegate.schema.instance_path import Locate, locator
from tidegate_protocol import Violation

LIMIT = 10
"""The most violations of a message that an error reports."""
SEVERAL = 32
"""The most violations from which these are chosen."""
ERRORS = 256
"""The most errors of the validator that are read."""

UNEXPLAINED = "does not match its schema; it is too large to say where"
UNEVALUATED = frozenset({"unevaluatedItems", "unevaluatedProperties"})


def violations(
    validator: CompiledSchema, value: Any, place: str = "", known: Set[str] = frozenset()
) -> list[Violation]:
    """At most `LIMIT` violations. Empty if `value` is valid, or if the fault is too deep inside a large value.

    `place`: the pointer of `value` in the message. `known`: property names in the schemas; an excerpt keeps these
    properties.
    """
    if validator.is_valid(value):
        return []
    for size in STEPS:
        excerpt = Excerpt(value, known, size)
        explanation = _Explanation(validator, place, excerpt)
        errors = list(islice(validator.iter_errors(excerpt.value), ERRORS))
        found = _sorted(list(islice(_different(explanation.of(errors)), SEVERAL)))
        if found:
            return found
    return []


def _sorted(several: list[Violation]) -> list[Violation]:
    """The first violations, with those of missing properties last: often such a property is present under a misspelled
    name, which is reported as unexpected. At least one violation of another kind stays.
    """
    different = [one for one in several if not any(_says_more(other, one) for other in several)]
    first, rest = different[:LIMIT], different[LIMIT:]
    if all(map(_is_missing, first)):
        first = [*[one for one in rest if not _is_missing(one)][:1], *first][:LIMIT]
    return sorted(first, key=_is_missing)


def _is_missing(violation: Violation) -> bool:
    return violation.keyword == "required"


def _different(found: Iterable[Violation]) -> Iterator[Violation]:
    """Each violation once: two schemas can refuse a value for the same reason."""
    seen: set[tuple[str, str, str]] = set()
    for violation in found:
        key = violation.pointer, violation.keyword, violation.message
        if key not in seen:
            seen.add(key)
            yield violation


def _says_more(one: Violation, other: Violation) -> bool:
    """Whether `one` is `other` with the values of the property that is missing."""
    same = (one.pointer, one.keyword) == (other.pointer, other.keyword)
    return same and one.message.startswith(f"{other.message}, ")


class _Explanation:
    """Explains the errors of one value. `place`: its pointer in the message."""

    def __init__(self, compiled: CompiledSchema, place: str, excerpt: Excerpt) -> None:
        self._compiled = compiled
        self._place = place
        self._cut = excerpt.cut
        self._locate: Locate = locator(excerpt.value)

    def of(self, errors: Sequence[ValidationError]) -> Iterator[Violation]:
        """The violations for errors that hold together: all of the value, or all of one alternative."""
        told = False
        for error in errors:
            if error.kind.name not in UNEVALUATED:
                for violation in self._one(error):
                    told = True
                    yield violation
        known: list[Violation] = []
        for error in errors:
            if error.kind.name in UNEVALUATED:
                for violation, is_known in self._unevaluated(error, errors):
                    if is_known:
                        known.append(violation)
                    else:
                        told = True
                        yield violation
        if not told:
            yield from known

    def _one(self, error: ValidationError) -> Iterator[Violation]:
        kind: Any = error.kind
        value: Any = error.instance
        if kind.name in UNIONS and (choice := closest(error, self._locate)) is not None:
            if (missing := only_missing(error, self._locate)) and len(missing) > 1:
                yield self._violation(error, "required", texts.lacks_one_of(missing))
            else:
                yield from self.of(choice.errors)
            return
        schema = self._compiled.at(error.evaluation_path[:-1])
        if kind.name == "additionalProperties":
            allowed = [name for name in schema.get("properties", ()) if name not in value]
            for name in kind.unexpected:
                yield self._violation(error, kind.name, texts.unexpected(name, allowed), name)
        elif not self._cut or self._sure(error):
            yield self._violation(error, _keyword(error, schema), texts.text(error, schema))

    def _unevaluated(
        self, error: ValidationError, beside: Sequence[ValidationError]
    ) -> Iterator[tuple[Violation, bool]]:
        """A violation for each name or index, and whether a schema knows it, which then has another error."""
        applied = Applied(self._compiled, self._locate, error)
        schemas = applied.schemas(beside)
        keyword = error.kind.name
        wanted = schemas[0].get(keyword, False)
        absent = applied.absent(schemas)
        for name in applied.unexpected(error):
            if wanted is not False:
                text = self._text_inside(wanted, applied.inner(name))
            else:
                text = texts.unexpected(name, absent) if isinstance(name, str) else texts.NOT_ALLOWED
            yield self._violation(error, keyword, text, name), applied.is_known(name, schemas)

    def _text_inside(self, schema: Any, value: Any) -> str:
        """What is wrong with a value that has to match the schema of an `unevaluated...` keyword."""
        found = violations(self._compiled.inside(schema), value)
        first = found[0]
        return f"{first.message} (at {first.pointer})" if first.pointer else first.message

    def _violation(self, error: ValidationError, keyword: str, text: str, name: str | int | None = None) -> Violation:
        here = self._place + pointer(self._locate(error))
        where = here if name is None else f"{here}/{escape(name)}"
        return Violation(pointer=nearest(where), keyword=keyword, message=shorten(text))

    def _sure(self, error: ValidationError) -> bool:
        """Whether the whole value has the fault too, and not only the excerpt."""
        kind: Any = error.kind
        if kind.name in UNIONS:
            return all(any(self._sure(inner) for inner in branch) for branch in kind.context)
        return kind.name in SURE or pointer(self._locate(error)) not in self._cut


def _keyword(error: ValidationError, schema: Any) -> str:
    """The keyword as in the schema. The validator uses other names for `false`, dependencies and limits of `contains`.

    `schema` has the keyword.
    """
    name: str = error.kind.name
    path = error.evaluation_path
    if name in {"contains", "required"} and path:
        return str(path[-1]) if path[-1] in {"dependentRequired", "maxContains", "minContains"} else name
    if name == "enum" and isinstance(schema, dict):
        return str(schema.get(TAG, name))
    if name != "falseSchema" or not path:
        return name
    inside = len(path) > 1 and (
        isinstance(path[-1], int) or path[-2] in {"dependentSchemas", "patternProperties", "properties"}
    )
    return str(path[-2] if inside else path[-1])
