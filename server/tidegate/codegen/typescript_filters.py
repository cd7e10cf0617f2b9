"""Generates filters in TypeScript: an interface for each resource, with generic interfaces for the operators.

Invariant: a property, operator or value that the gateway refuses for its type does not compile.
"""

from __future__ import annotations

from tidegate.codegen.model import Condition, Named
from tidegate.codegen.typescript import INHERITED, TypeWriter, doc_of
from tidegate.codegen.typescript_syntax import Doc, jsdoc, property_name, text_of

CONDITIONS = """\
/** Equal to a value or not, in a list or not (`eqs` is `eq`, `nes` is `ne`). All are false for null. */
export interface EqualityConditions<T> {
  eq?: T;
  eqs?: T;
  ne?: T;
  nes?: T;
  in?: readonly T[];
  nin?: readonly T[];
}

/** Less or greater than a value. `between` includes both ends. Text is ordered by code point. */
export interface OrderConditions<T> extends EqualityConditions<T> {
  lt?: T;
  lte?: T;
  gt?: T;
  gte?: T;
  between?: readonly [low: T, high: T];
  nbetween?: readonly [low: T, high: T];
}

/** Contains, starts or ends with a text. Names with a final extra `s` match case, the others ignore it for A-Z. */
export interface TextConditions extends OrderConditions<string> {
  contains?: string;
  ncontains?: string;
  containss?: string;
  ncontainss?: string;
  startswith?: string;
  nstartswith?: string;
  startswiths?: string;
  nstartswiths?: string;
  endswith?: string;
  nendswith?: string;
  endswiths?: string;
  nendswiths?: string;
}

/** Items of an array. `ina`: the array has all of these items. `nina`: it lacks at least one of them. */
export interface ListConditions<T> {
  ina?: readonly T[];
  nina?: readonly T[];
}

/** Whether the property has a value. */
export interface NullConditions {
  null?: boolean;
  nnull?: boolean;
}
"""


def filters_declaration(named: Named, writer: TypeWriter) -> str:
    """The interface of a resource's filters."""
    lines = "".join(
        f"{jsdoc(_doc(item), '  ')}  {property_name(item.name)}?: {_condition_type(item, writer)}{_inherited(item)};\n"
        for item in named.conditions or ()
    )
    return (
        f"{jsdoc(doc_of(named.schema), '')}export interface {named.name} {{\n{lines}"
        f"  /** All of these conditions hold. */\n  and?: readonly {named.name}[];\n"
        f"  /** At least one of these conditions holds. */\n  or?: readonly {named.name}[];\n}}\n"
    )


def _inherited(item: Condition) -> str:
    """What an object without the property has as its value for the compiler."""
    return f" | {text_of(INHERITED[item.name])}" if item.name in INHERITED else ""


def _doc(item: Condition) -> Doc:
    return Doc(item.description or "", item.deprecated)


def _condition_type(item: Condition, writer: TypeWriter) -> str:
    value = "never" if item.value is None else writer.type_of(item.value)
    operators = {
        "equality": f"EqualityConditions<{value}>",
        "order": f"OrderConditions<{value}>",
        "text": "TextConditions",
        "members": f"ListConditions<{value}>",
        "nothing": "",
    }[item.family]
    short = [value] if item.family not in {"members", "nothing"} else []
    if not item.nullable:
        return " | ".join([*short, operators])
    every = f"({operators} & NullConditions)" if operators else "NullConditions"
    return " | ".join([*short, "null", every])
