"""Filters in TypeScript: an interface a resource, of a few generic ones that have the operators.

Invariant: a property, an operator or a value that the gateway would refuse for its type does not compile.
"""

from __future__ import annotations

from tidegate.codegen.model import Condition, Named
from tidegate.codegen.typescript import jsdoc, property_name, type_of

CONDITIONS = """\
/** Equal or not, one of a list or none of it (`eqs` is `eq`, `nes` is `ne`). All are false on null. */
export interface EqualityConditions<T> {
  eq?: T;
  eqs?: T;
  ne?: T;
  nes?: T;
  in?: readonly T[];
  nin?: readonly T[];
}

/** Before or after; `between` includes both ends. Text is ordered by code point. */
export interface OrderConditions<T> extends EqualityConditions<T> {
  lt?: T;
  lte?: T;
  gt?: T;
  gte?: T;
  between?: readonly [low: T, high: T];
  nbetween?: readonly [low: T, high: T];
}

/** What stands in a text. Those that end in a second `s` keep case, the others take a-z for A-Z. */
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

/** What stands in an array: `ina` asks for all of these, `nina` for anything else. */
export interface ListConditions<T> {
  ina?: readonly T[];
  nina?: readonly T[];
}

/** Whether there is a value at all. */
export interface NullConditions {
  null?: boolean;
  nnull?: boolean;
}
"""


def filters_declaration(named: Named) -> str:
    """The interface of one resource's filters."""
    lines = "".join(
        f"{jsdoc({'description': item.description}, '  ')}  {property_name(item.name)}?: {_asked(item)};\n"
        for item in named.conditions or ()
    )
    return (
        f"{jsdoc(named.schema, '')}export interface {named.name} {{\n{lines}"
        f"  /** All of these hold. */\n  and?: readonly {named.name}[];\n"
        f"  /** At least one of these holds. */\n  or?: readonly {named.name}[];\n}}\n"
    )


def _asked(item: Condition) -> str:
    value = "never" if item.value is None else type_of(item.value, "")
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
