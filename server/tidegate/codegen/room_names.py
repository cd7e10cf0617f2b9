"""Generates functions that make the names of rooms from the parameters of their pattern, in both languages.

Invariant: a name that such a function returns has exactly the parameters that it was given.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.codegen.typescript_syntax import literal, template
from tidegate.schema import patterns

_PART = """\
/** `value` as a part of a room's name that ends where `end` begins. */
function part(value: string | number, end: string): string {
  const text = String(value);
  if (text === "" || (end !== "" && text.includes(end))) {
    throw new RangeError(`${JSON.stringify(text)} cannot be a part of this room's name`);
  }
  return text;
}
"""
_DOC = """\
The name of the room of `pattern` with these parameters.

    Raises ValueError for a value that cannot be a part of such a name, and KeyError where a parameter is missing.
    """
_MADE = '''
def NAME(pattern: str, /, **parameters: str | int) -> str:
    """DOC"""
    name = pattern
    for parameter, end in reversed(_ENDS[pattern].items()):  # so that no value is taken for a parameter
        text = str(parameters[parameter])
        if not text or (end and end in text):
            raise ValueError(f"{text!r} cannot be the {parameter} of a room {pattern!r}")
        name = name.replace("{" + parameter + "}", text, 1)
    return name
'''


def makeable(found: Iterable[str]) -> list[str]:
    """The patterns whose names are made of parameters alone."""
    return [pattern for pattern in found if patterns.parameters(pattern) and patterns.OPEN not in pattern]


def typescript(found: Iterable[str]) -> list[str]:
    """ROOM_NAMES of app.ts, if any pattern has parameters."""
    made = makeable(found)
    if not made:
        return []
    entries = "".join(f"  {literal(pattern)}: {_function(pattern)},\n" for pattern in made)
    example = f"`ROOM_NAMES[{literal(made[0])}]({{ {patterns.parameters(made[0])[0]}: ... }})`"
    doc = f"/** Makes the names of rooms, by their pattern: {example}. */\n"
    return [_PART, f"{doc}export const ROOM_NAMES = {{\n{entries}}} as const;\n"]


def python(found: Iterable[str]) -> str:
    """rooms.py of the Python package; "" if no pattern has parameters."""
    made = makeable(found)
    if not made:
        return ""
    ends = {pattern: patterns.separators(pattern) for pattern in made}
    if len(made) == 1:  # one overload alone is an error
        (pattern,) = made
        given = ", ".join(f"{name}={name}" for name in patterns.parameters(pattern))
        typed = [f'def room_name(pattern: Literal[{pattern!r}], /, *, {_typed(pattern)}) -> str:\n    """{_DOC}"""']
        typed = [f"{typed[0]}\n    return _made(pattern, {given})"]
        body = _MADE.replace("NAME", "_made").replace("DOC", "The name of a room.")
    else:
        typed = [
            f"@overload\ndef room_name(pattern: Literal[{pattern!r}], /, *, {_typed(pattern)}) -> str: ..."
            for pattern in made
        ]
        body = _MADE.replace("NAME", "room_name").replace("DOC", _DOC)
    imports = "from __future__ import annotations\nfrom typing import Literal, overload"
    parts = [imports, f"_ENDS: dict[str, dict[str, str]] = {ends!r}"]
    parts += [body.strip(), *typed] if len(made) == 1 else [*typed, body.strip()]
    return "\n\n".join(parts)


def _typed(pattern: str) -> str:
    return ", ".join(f"{name}: str | int" for name in patterns.parameters(pattern))


def _function(pattern: str) -> str:
    names = patterns.separators(pattern)
    parameters = "; ".join(f"{name}: string | number" for name in names)
    made = template(*patterns.texts(pattern))
    for name, end in names.items():
        made = made.replace("${string}", f"${{part(of.{name}, {literal(end)})}}", 1)
    return f"(of: {{ {parameters} }}) =>\n    {made} as {template(*patterns.texts(pattern))}"
