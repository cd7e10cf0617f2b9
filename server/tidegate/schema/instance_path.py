"""Where in a value an error of the validator is: the whole path, through properties with an empty name too.

jsonschema-rs leaves steps with an empty name out of `ValidationError.instance_path`, but not out of the error's text.
It does not know messages or schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jsonschema_rs import ValidationError

from tidegate.json_pointer import escape

Path = list[str | int]
Locate = Callable[[ValidationError], Path]


def locator(value: Any) -> Locate:
    """What finds the path of an error in `value`."""
    return (lambda error: _whole_path(value, error)) if _has_empty_name(value) else _path


def _path(error: ValidationError) -> Path:
    return error.instance_path


def _whole_path(value: Any, error: ValidationError) -> Path:
    """Of the paths that differ from the error's in empty names only, the one that the error's text names."""
    text = str(error)
    candidates = _paths(value, error.instance_path)
    return next((path for path in candidates if f"On instance{_as_in_text(path)}:\n" in text), error.instance_path)


def _paths(value: Any, steps: Sequence[str | int]) -> Iterator[Path]:
    """The paths into `value` that have these steps, and empty names besides."""
    if not steps:
        yield []
    else:
        inside = isinstance(value, dict) and steps[0] in value
        if inside or (isinstance(value, list) and isinstance(steps[0], int)):
            yield from ([steps[0], *path] for path in _paths(value[steps[0]], steps[1:]))
    if isinstance(value, dict) and "" in value:
        yield from (["", *path] for path in _paths(value[""], steps))


def _as_in_text(path: Path) -> str:
    """The library writes names as in a JSON pointer."""
    return "".join(f'["{escape(step)}"]' if isinstance(step, str) else f"[{step}]" for step in path)


def _has_empty_name(value: Any) -> bool:
    if isinstance(value, dict):
        return "" in value or any(map(_has_empty_name, value.values()))
    return isinstance(value, list) and any(map(_has_empty_name, value))
