"""Pairs about types that refer to themselves, directly or through each other."""

from __future__ import annotations

from tests.schema.compatibility.pairs import NUMBER, TEXT, Folder, Schema, ask, open_, pair, ref, room, shut, told


def tree(properties: Schema, *required: str) -> Schema:
    return shut({"k": {"type": "array", "items": ref("node")}, **properties}, *required)


def of_trees(node: Schema) -> Schema:
    return {**shut({"t": ref("node")}), "$defs": {"node": node}}


def asked(node: Schema) -> Folder:
    return ask({"t": ref("node")}, **{"$defs": {"node": node}})


def answered(node: Schema) -> Folder:
    return told({"t": ref("node")}, **{"$defs": {"node": node}})


def couple(man: Schema, woman: Schema) -> Folder:
    """Two types that refer to each other."""
    return ask(
        {"t": ref("left")},
        **{
            "$defs": {
                "left": shut({"other": ref("right"), **man}),
                "right": shut({"other": ref("left"), **woman}),
            }
        },
    )


def term(leaf: Schema) -> Folder:
    """A term with a list of terms, or a leaf."""
    several = shut({"op": {"const": "all"}, "of": {"type": "array", "items": ref("term")}}, "op", "of")
    return ask({"t": ref("term")}, **{"$defs": {"term": {"oneOf": [several, leaf]}}})


V, LESS = {"v": {"type": "string", "maxLength": 9}}, {"v": {"type": "string", "maxLength": 3}}
IS, IS_SHORT = shut({"op": {"const": "is"}, **V}, "op"), shut({"op": {"const": "is"}, **LESS}, "op")
JSON = {"anyOf": [{"type": ["null", "string", "number"]}, {"type": "array", "items": ref("node")}]}
OPEN = open_({"k": {"type": "array", "items": ref("node")}, **V})

PAIRS = (
    pair("a tree that stays", asked(tree(V)), asked(tree(V))),
    pair("clients may send more in a tree", asked(tree(V)), asked(tree({**V, "w": TEXT}))),
    pair("clients receive more in a tree", answered(tree(V)), answered(tree({**V, "w": TEXT}))),
    pair("a room's tree gets an optional property", room(of_trees(tree(V))), room(of_trees(tree({**V, "w": TEXT})))),
    pair(
        "an open tree gets an optional property",
        answered(OPEN),
        answered({**OPEN, "properties": {**OPEN["properties"], "w": TEXT}}),
    ),
    pair("a tree requires more", asked(tree(V)), asked(tree(V, "v")), "breaking ask /$defs/node/required"),
    pair("a tree promises less", answered(tree(V, "v")), answered(tree(V)), "breaking told /$defs/node/required"),
    pair(
        "a shorter text in a room's tree",
        room(of_trees(tree(V))),
        room(of_trees(tree(LESS))),
        "breaking room /$defs/node/properties/v",
    ),
    pair("a longer text in what clients send", asked(tree(LESS)), asked(tree(V))),
    pair("a property less in a tree", asked(tree(V)), asked(tree({})), "breaking ask /$defs/node/properties/v"),
    pair(
        "fewer branches",
        asked(tree(V)),
        asked(shut({"k": {"type": "array", "items": ref("node"), "maxItems": 2}, **V})),
        "breaking ask /$defs/node/properties/k",
    ),
    pair(
        "two types that refer to each other get properties", couple(V, V), couple({**V, "w": TEXT}, {**V, "w": NUMBER})
    ),
    pair(
        "the second of two types that refer to each other",
        couple(V, V),
        couple(V, LESS),
        "breaking ask /$defs/right/properties/v",
    ),
    pair(
        "both of two types that refer to each other",
        couple(V, V),
        couple(LESS, LESS),
        "breaking ask /$defs/left/properties/v",
        "breaking ask /$defs/right/properties/v",
    ),
    pair("a type is recursive now", asked(shut(V)), asked(tree(V))),
    pair("a type is no longer recursive", asked(tree(V)), asked(shut(V)), "breaking ask /$defs/node/properties/k"),
    pair(
        "a recursion under another name",
        asked(tree(V)),
        ask({"t": ref("twig")}, **{"$defs": {"twig": shut({"k": {"type": "array", "items": ref("twig")}, **V})}}),
    ),
    pair(
        "a recursion is unrolled once",
        asked(tree(V)),
        ask({"t": shut({"k": {"type": "array", "items": ref("node")}, **V})}, **{"$defs": {"node": tree(V)}}),
    ),
    pair(
        "a change beside a tree",
        ask({"t": ref("node"), "w": TEXT}, **{"$defs": {"node": tree(V)}}),
        ask({"t": ref("node"), "w": NUMBER}, **{"$defs": {"node": tree(V)}}),
        "breaking ask /properties/w",
    ),
    pair("a leaf of a term is shorter", term(IS), term(IS_SHORT), "breaking ask /$defs/term/oneOf/1/properties/v"),
    pair("a leaf of a term is longer", term(IS_SHORT), term(IS)),
    pair(
        "any JSON value, and no numbers any more",
        asked(JSON),
        asked({"anyOf": [{"type": ["null", "string"]}, JSON["anyOf"][1]]}),
        "breaking ask /$defs/node/anyOf/0",
    ),
    pair(
        "any JSON value, and booleans too",
        asked(JSON),
        asked({"anyOf": [{"type": ["null", "string", "number", "boolean"]}, JSON["anyOf"][1]]}),
    ),
)
