"""Compares what schemas say of objects.

An object that names properties and allows others (`additionalProperties` is absent) is open. Programs use the names of
the schema, so that a name that an open object gets or loses is worth a note. It breaks where the object names nothing:
then programs choose the names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.json_pointer import pointer
from tidegate.schema.compat.facts import Facts, Shape, covered_by, evaluated, matches
from tidegate.schema.compat.parts import Part, Parts, flat
from tidegate.schema.compat.run import Run

CLOSING = ("additionalProperties", "unevaluatedProperties")
CONDITIONS = ("if", "then", "else", "not", "anyOf", "oneOf", "dependentSchemas")


def properties(run: Run, facts: Facts, piece: Part, branches: Parts) -> None:
    """Objects of `facts` must fit the keywords of `piece`. `branches`: the alternatives of `piece` that surely hold."""
    if "object" not in facts.kinds:
        return
    _required(run, facts, piece)
    _counts(run, facts, piece)
    _names(run, facts, piece)
    surely = _surely(piece, branches)
    for name in sorted(facts.shape.names | piece.words.get("properties", {}).keys()):
        _named(run, facts, piece, name, surely)
    for pattern in sorted(facts.shape.patterns):
        _like(run, facts, piece, pattern, surely)
    if not facts.no_others:
        _others(run, facts, piece)


def _required(run: Run, facts: Facts, piece: Part) -> None:
    for name in piece.words.get("required", ()):
        if name in facts.required:
            continue
        if not run.received:
            run.fault(piece, f"{name!r} was not required", "/required")
        elif name in facts.shape.names and not facts.absent(name):
            run.fault(run.place(facts, piece, "required"), f"{name!r} was always present", "/required")
        else:
            run.fault(piece, "was always present, and clients may rely on it", pointer(("properties", name)))
    for name, others in piece.words.get("dependentRequired", {}).items():
        if facts.absent(name):
            continue
        known = set(facts.required).union(*(said.get(name, ()) for _, said in facts.said("dependentRequired")))
        if missing := [other for other in others if other not in known]:
            run.fault(
                run.place(facts, piece, "dependentRequired"),
                f"with {name!r}, {' and '.join(map(repr, missing))} {'was' if run.received else 'is now'} required",
                "/dependentRequired",
            )


def _counts(run: Run, facts: Facts, piece: Part) -> None:
    least, most = piece.words.get("minProperties", 0), piece.words.get("maxProperties")
    if least > max(facts.least("minProperties") or 0, len(facts.required)):
        run.fault_of(facts, piece, "minProperties")
    if most is not None:
        named = len(facts.shape.names) if facts.no_others and not facts.shape.patterns else None
        known = [count for count in (facts.most("maxProperties"), named) if count is not None]
        if not known or min(known) > most:
            run.fault_of(facts, piece, "maxProperties")


def _names(run: Run, facts: Facts, piece: Part) -> None:
    if "propertyNames" not in piece.words:
        return
    rule = piece.at("propertyNames")
    for name in facts.shape.names:
        if not facts.absent(name) and not run.oracle.fits((rule,), name):
            run.fault(run.place(facts, piece, "propertyNames"), f"{name!r} is not an allowed name", "/propertyNames")
    if not facts.no_others or facts.shape.patterns:
        run.require(Facts(part.at("propertyNames") for part, _ in facts.said("propertyNames")), rule)


def _named(run: Run, facts: Facts, piece: Part, name: str, surely: Shape) -> None:
    """Values of the property `name` must fit what `piece` says of it."""
    own = facts.named(name)
    if any(part.impossible for part in flat(own)):
        return
    for target, closes in _targets(run, facts, piece, name, surely):
        if closes:
            run.fault(_part_with(facts, name) or piece, "clients may no longer send it", pointer(("properties", name)))
        elif own or not target.demands_anything:
            run.require(Facts(own), target)
        elif _programs_choose(facts):
            run.fault(
                target, "clients may receive any value here" if run.received else "clients may send any value here"
            )
        elif run.received:
            reason = "is optional, and the open object does not name it any more"
            run.fault(piece, reason, pointer(("properties", name)), breaking=False)
        else:
            reason = "the open object names it now; a client that already sends it must send such values"
            run.fault(target, reason, breaking=False)


def _targets(run: Run, facts: Facts, piece: Part, name: str, surely: Shape) -> Iterator[tuple[Part, bool]]:
    """The schemas of `piece` for the property `name`, and whether that is one that refuses other properties."""
    words = piece.words
    found = [piece.at("properties", name)] if name in words.get("properties", {}) else []
    patterns = words.get("patternProperties", {})
    found += [piece.at("patternProperties", pattern) for pattern in patterns if matches(pattern, name)]
    yield from ((part, False) for part in found)
    closing = [] if found or "additionalProperties" not in words else ["additionalProperties"]
    if "unevaluatedProperties" in words and not covered_by(surely, name) and not _as_before(run, facts, piece, name):
        closing.append("unevaluatedProperties")
    for word in closing:
        target = piece.at(word)
        if not target.impossible:
            yield target, False
        elif not run.received:
            yield target, True


def _like(run: Run, facts: Facts, piece: Part, pattern: str, surely: Shape) -> None:
    """Properties that match `pattern`, which `facts` name, must fit what `piece` says of them."""
    own = facts.like(pattern)
    if any(part.impossible for part in flat(own)):
        return
    patterns = piece.words.get("patternProperties", {})
    for other in patterns:
        if other == pattern or other not in facts.shape.patterns:
            run.require(Facts(own), piece.at("patternProperties", other))
    for word in CLOSING:
        if word in piece.words and pattern not in (patterns if word == CLOSING[0] else surely.patterns):
            target = piece.at(word)
            if not target.impossible:
                run.require(Facts(own), target)
            elif not run.received:
                part = next(part for part, said in facts.said("patternProperties") if pattern in said)
                run.fault(part, "clients may no longer send such properties", pointer(("patternProperties", pattern)))


def _others(run: Run, facts: Facts, piece: Part) -> None:
    """The properties that `facts` do not name."""
    own = facts.others()
    for pattern in piece.words.get("patternProperties", {}):
        if pattern not in facts.shape.patterns:
            run.require(Facts(own), piece.at("patternProperties", pattern))
    for word in CLOSING:
        if word in piece.words and not piece.at(word).impossible:
            run.require(Facts(own), piece.at(word))
        elif word in piece.words and not run.received:
            run.fault(piece, "other properties are no longer accepted", f"/{word}")


def _as_before(run: Run, facts: Facts, piece: Part, name: str) -> bool:
    """Whether older and newer schema evaluate `name` under the same conditions."""
    for part, _ in facts.said("unevaluatedProperties"):
        same = all(
            run.equality.same(part.instead(_only(part, word)), piece.instead(_only(piece, word))) for word in CONDITIONS
        )
        if same and covered_by(evaluated(part), name) and covered_by(evaluated(piece), name):
            return True
    return False


def _only(part: Part, word: str) -> dict[str, Any]:
    return {word: part.words[word]} if word in part.words else {}


def _surely(piece: Part, branches: Parts) -> Shape:
    """The properties that `piece` surely evaluates, for its `unevaluatedProperties`."""
    all_parts = flat([piece, *branches])
    names = {name for part in all_parts for name in part.words.get("properties", ())}
    patterns = {pattern for part in all_parts for pattern in part.words.get("patternProperties", ())}
    everything = any("additionalProperties" in part.words for part in all_parts) or any(
        "unevaluatedProperties" in part.words for part in all_parts if part.token != piece.token
    )
    return Shape(frozenset(names), frozenset(patterns), everything)


def _programs_choose(facts: Facts) -> bool:
    """Whether the schemas name no property, apart from constant tags, so that programs choose the names."""
    tags = {name for _, said in facts.said("properties") for name, sub in said.items() if "const" in _dict(sub)}
    return not facts.shape.names - tags and not facts.shape.patterns


def _dict(schema: Any) -> dict[str, Any]:
    return schema if isinstance(schema, dict) else {}


def _part_with(facts: Facts, name: str) -> Part | None:
    return next((part for part, said in facts.said("properties") if name in said), None)
