"""Pairs about unions: alternatives that come, go or change, by tag, by type, by place."""

from __future__ import annotations

from typing import Any

from tests.schema.compatibility.pairs import (
    NUMBER,
    TEXT,
    Schema,
    ask,
    both,
    open_,
    pair,
    received,
    ref,
    room,
    sent,
    shut,
    told,
)


def kind(name: Any, properties: Schema | None = None, *required: str) -> Schema:
    """An alternative with the constant tag `kind`."""
    return shut({"kind": {"const": name}, **(properties or {})}, "kind", *required)


def one(*alternatives: Schema) -> Schema:
    return {"oneOf": list(alternatives)}


def some(*alternatives: Schema) -> Schema:
    return {"anyOf": list(alternatives)}


W = {"w": {"type": "string", "maxLength": 9}}
W_SHORT = {"w": {"type": "string", "maxLength": 3}}
SAID, SHOWN, DRAWN = kind("text", {"t": TEXT}, "t"), kind("image", W), kind("line", {"x": NUMBER}, "x")
SHOWN_SHORT, SHOWN_NEEDED = kind("image", W_SHORT), kind("image", W, "w")
TITLED = ({**open_({"a": TEXT}, "a"), "title": "Said"}, {**open_({"b": TEXT}, "b"), "title": "Shown"})
DEEP, DEEP_SHORT = kind("group", {"of": one(SAID, SHOWN)}, "of"), kind("group", {"of": one(SAID, SHOWN_SHORT)}, "of")
FREE = {"x": NUMBER, "y": NUMBER}

PAIRS = (
    sent("an alternative more", one(SAID, SHOWN), one(SAID, SHOWN, DRAWN)),
    sent("an alternative less", one(SAID, SHOWN, DRAWN), one(SAID, DRAWN), "breaking /oneOf/1"),
    received("an alternative more", one(SAID, SHOWN), one(SAID, DRAWN, SHOWN), "breaking /oneOf/1"),
    received("an alternative less", one(SAID, SHOWN, DRAWN), one(DRAWN, SAID)),
    both("an alternative in the place of another", one(SAID, SHOWN), one(SAID, DRAWN), "breaking /oneOf/1"),
    both("the alternatives in another order", one(SAID, SHOWN, DRAWN), one(DRAWN, SAID, SHOWN)),
    both("oneOf becomes anyOf", one(SAID, SHOWN), some(SAID, SHOWN)),
    both("anyOf becomes oneOf, with tags", some(SAID, SHOWN), one(SHOWN, SAID)),
    sent("anyOf becomes oneOf, without tags", some(*TITLED), one(*TITLED), "breaking /oneOf/1", "breaking /oneOf/0"),
    sent(
        "an alternative is shorter, and the order is another one",
        one(SAID, SHOWN, DRAWN),
        one(DRAWN, SAID, SHOWN_SHORT),
        "breaking /oneOf/2/properties/w",
    ),
    received("an alternative is shorter", one(SAID, SHOWN), one(SAID, SHOWN_SHORT)),
    received("an alternative is longer", one(SAID, SHOWN_SHORT), one(SHOWN, SAID), "breaking /oneOf/0/properties/w"),
    sent("an alternative requires more", one(SAID, SHOWN), one(SAID, SHOWN_NEEDED), "breaking /oneOf/1/required"),
    sent(
        "an alternative loses a property",
        some(SAID, kind("image", {**W, "h": NUMBER})),
        some(SAID, kind("image", W)),
        "breaking /anyOf/1/properties/h",
    ),
    sent("an alternative gets an optional property", one(SAID, SHOWN), one(SAID, kind("image", {**W, "h": NUMBER}))),
    received("an alternative gets a property", one(SAID, SHOWN), one(SAID, kind("image", {**W, "h": NUMBER}, "h"))),
    received(
        "an alternative loses a property that was required",
        one(SAID, SHOWN_NEEDED),
        one(SAID, kind("image")),
        "breaking /oneOf/1/properties/w",
    ),
    sent(
        "an alternative inside an alternative is shorter",
        one(DRAWN, DEEP),
        one(DRAWN, DEEP_SHORT),
        "breaking /oneOf/1/properties/of/oneOf/1/properties/w",
    ),
    sent(
        "items of two kinds",
        {"type": "array", "items": one(SAID, SHOWN)},
        {"type": "array", "items": one(SHOWN_SHORT, SAID)},
        "breaking /items/oneOf/0/properties/w",
    ),
    sent(
        "a tag with two values in one alternative",
        one(kind("a"), kind("b")),
        one(shut({"kind": {"enum": ["a", "b"]}}, "kind")),
    ),
    sent(
        "a tag with two values in two alternatives",
        one(shut({"kind": {"enum": ["a", "b"]}}, "kind")),
        one(kind("a"), kind("b")),
    ),
    received(
        "a tag with two values in two alternatives",
        shut({"kind": {"enum": ["a", "b"]}}, "kind"),
        one(kind("a"), kind("b")),
    ),
    sent(
        "a value less of a tag",
        one(shut({"kind": {"enum": ["a", "b"]}}, "kind"), SAID),
        one(kind("a"), SAID),
        "breaking /oneOf/0/properties/kind",
    ),
    sent("a single schema becomes an alternative", SHOWN, one(SAID, SHOWN)),
    received("a single schema becomes an alternative", SHOWN, one(SAID, SHOWN), "breaking /oneOf/0/properties/kind"),
    received("the only alternative that is left", one(SAID, SHOWN), SHOWN),
    sent(
        "an alternative by its title",
        some(*TITLED),
        some(TITLED[1], {**open_({"a": W["w"]}, "a"), "title": "Said"}),
        "breaking /anyOf/1/properties/a",
    ),
    sent(
        "an alternative by its kind",
        some(TEXT, {"type": "array", "items": TEXT}),
        some({"type": "array", "items": NUMBER}, TEXT),
        "breaking /anyOf/0/items",
    ),
    sent("a text or a number", some(TEXT, NUMBER), {"type": ["integer", "string"]}),
    sent("a text or a number becomes a text", some(TEXT, NUMBER), TEXT, "breaking"),
    sent("a text becomes a text or a number", TEXT, some(NUMBER, TEXT)),
    received("a text becomes a text or a number", TEXT, some(NUMBER, TEXT), "breaking /anyOf/0"),
    sent(
        "an alternative that takes everything", some(SAID, {"type": "object"}), some(kind("text"), {"type": "object"})
    ),
    sent(
        "an alternative whose values two others take",
        {"type": "integer", "minimum": 0, "maximum": 9},
        some({"type": "integer", "minimum": 0, "maximum": 5}, {"type": "integer", "minimum": 5, "maximum": 9}),
    ),
    sent(
        "a closed union",
        {
            **open_({"kind": TEXT}, "kind"),
            "oneOf": [open_({"kind": {"const": "a"}, "a": TEXT}), open_({"kind": {"const": "b"}})],
            "unevaluatedProperties": False,
        },
        {
            **open_({"kind": TEXT, "n": NUMBER}, "kind"),
            "oneOf": [open_({"kind": {"const": "a"}, "a": TEXT}), open_({"kind": {"const": "b"}})],
            "unevaluatedProperties": False,
        },
    ),
    pair(
        "a room of two kinds of messages, as definitions",
        room({**one(ref("said"), ref("shown")), "$defs": {"said": SAID, "shown": SHOWN}}),
        room({**one(ref("shown"), ref("said")), "$defs": {"said": SAID, "shown": SHOWN_SHORT}}),
        "breaking room /$defs/shown/properties/w",
    ),
    pair(
        "a room of two kinds of messages gets a third",
        room(one(SAID, SHOWN)),
        room(one(SAID, SHOWN, DRAWN)),
        "breaking room /oneOf/2",
    ),
    pair(
        "a room of two kinds of messages, inline",
        room(one(SAID, DRAWN, SHOWN)),
        room(one(SAID, DRAWN, SHOWN_SHORT)),
        "breaking room /oneOf/2/properties/w",
    ),
    pair(
        "unions of unions, as definitions",
        ask(
            {"v": some(ref("shows"), ref("says"))},
            **{"$defs": {"shows": some(SHOWN, DRAWN), "says": some(SAID, kind("x"))}},
        ),
        ask(
            {"v": some(ref("says"), ref("shows"))},
            **{"$defs": {"shows": some(DRAWN, SHOWN_SHORT), "says": some(kind("x"), kind("y"), SAID)}},
        ),
        "breaking ask /$defs/shows/anyOf/1/properties/w",
    ),
    pair(
        "unions of unions in another order",
        ask({"v": some(some(SHOWN, DRAWN), some(SAID, kind("x")))}),
        ask({"v": some(some(SAID, kind("x")), some(DRAWN, SHOWN_SHORT))}),
        "breaking ask /properties/v/anyOf/1/anyOf/1/properties/w",
    ),
    pair(
        "a union of unions becomes one union",
        ask({"v": some(some(SHOWN, DRAWN), some(SAID, kind("x")))}),
        ask({"v": some(SHOWN, SAID, DRAWN)}),
        "breaking ask /properties/v/anyOf/1/anyOf/1",
    ),
    pair(
        "a tag of another name",
        ask({"v": one(SAID, kind("a"))}),
        ask({"v": one(SAID, kind("b"))}),
        "breaking ask /properties/v/oneOf/1",
    ),
    pair(
        "a value more of a tag",
        told({"v": one(shut({"kind": {"enum": ["a", "b"]}}, "kind"), SAID)}),
        told({"v": one(SAID, shut({"kind": {"enum": ["a", "b", "c"]}}, "kind"))}),
        "breaking told /properties/v/oneOf/1/properties/kind",
    ),
    pair(
        "a union becomes definitions",
        told({"v": one(SAID, SHOWN)}),
        told({"v": one(ref("said"), ref("shown"))}, **{"$defs": {"said": SAID, "shown": SHOWN}}),
    ),
    pair(
        "a change beside many alternatives is told alone",
        ask({"v": one(*(kind(f"k{number}", FREE, "x") for number in range(40))), "w": TEXT}),
        ask({"v": one(*(kind(f"k{number}", FREE, "x") for number in range(40))), "w": NUMBER}),
        "breaking ask /properties/w",
    ),
    pair(
        "one of many alternatives",
        ask({"v": one(*(kind(f"k{number}", {**FREE, **W}, "x") for number in range(40)))}),
        ask(
            {"v": one(*(kind(f"k{number}", {**FREE, **(W_SHORT if number == 33 else W)}, "x") for number in range(40)))}
        ),
        "breaking ask /properties/v/oneOf/33/properties/w",
    ),
)
