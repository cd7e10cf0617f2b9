"""Compares what schemas say of arrays."""

from __future__ import annotations

from tidegate.schema.compat.facts import Facts
from tidegate.schema.compat.parts import Part
from tidegate.schema.compat.run import Run


def items(run: Run, facts: Facts, piece: Part) -> None:
    """Arrays of `facts` must fit the keywords of `piece` about arrays."""
    if "array" not in facts.kinds:
        return
    words, most = piece.words, facts.most_items
    if words.get("minItems", 0) > (facts.least("minItems") or 0):
        run.fault_of(facts, piece, "minItems")
    if "maxItems" in words and (most is None or most > words["maxItems"]):
        run.fault_of(facts, piece, "maxItems")
    if words.get("uniqueItems") and not _distinct(facts):
        run.fault_of(facts, piece, "uniqueItems")
    if "contains" in words and not _contains(run, facts, piece):
        run.fault_of(facts, piece, "contains")
    first = len(words.get("prefixItems", ()))
    for index in range(max(first, facts.first_items) + 1):  # the last one stands for all that follow
        target = _item(piece, index)
        if target is not None and (most is None or index < most):
            run.require(Facts(facts.item(index)), target)


def _item(piece: Part, index: int) -> Part | None:
    """The schema of the item at `index`."""
    if index < len(piece.words.get("prefixItems", ())):
        return piece.at("prefixItems", index)
    return next((piece.at(word) for word in ("items", "unevaluatedItems") if word in piece.words), None)


def _distinct(facts: Facts) -> bool:
    few = facts.most_items is not None and facts.most_items <= 1
    return few or any(unique for _, unique in facts.said("uniqueItems"))


def _contains(run: Run, facts: Facts, piece: Part) -> bool:
    """Whether `facts` surely have as many matching items as `piece` wants."""
    least, most = piece.words.get("minContains", 1), piece.words.get("maxContains")
    for part, _ in facts.said("contains"):
        same = run.equality.same(part.at("contains"), piece.at("contains"))
        wider = same or (most is None and run.proven(Facts([part.at("contains")]), piece.at("contains")))
        enough = part.words.get("minContains", 1) >= least
        if wider and enough and (most is None or part.words.get("maxContains", most + 1) <= most):
            return True
    few = facts.most_items is not None and most is not None and facts.most_items <= most
    return least == 0 and (most is None or few)
