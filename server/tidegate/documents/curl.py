"""A command line for each operation of the OpenAPI document: an example of curl that works in a shell.

It uses the variables `TIDEGATE`, the address of the gateway, and `TOKEN`.
Invariant: a command is made of the operation's own examples, so that the gateway accepts it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

JsonObject = dict[str, Any]
METHODS = ("get", "post", "patch", "delete")
ADDRESS, TOKEN = '"$TIDEGATE', '"Authorization: Bearer $TOKEN"'


def operations(document: JsonObject) -> Iterator[tuple[str, str, JsonObject]]:
    """(path, method, operation) of an OpenAPI document. Parameters of a path are those of its operations."""
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = methods[method]
                parameters = [*methods.get("parameters", ()), *operation.get("parameters", ())]
                yield path, method, {**operation, "parameters": parameters}


def curl(path: str, method: str, operation: JsonObject) -> str:
    """The command for one operation."""
    words = ["curl"]
    if method != "get":
        words += ["-X", method.upper()]
    words.append(f'{ADDRESS}{_filled(path, operation)}"')
    if {} not in operation.get("security", [{}]):
        words += ["-H", TOKEN]
    media = operation.get("requestBody", {}).get("content", {})
    if media:
        kind = next(iter(media))
        body = json.dumps(media[kind].get("example", {}), ensure_ascii=False)
        words += ["-H", shlex.quote(f"Content-Type: {kind}"), "--data", shlex.quote(body)]
    return " ".join(words)


def _filled(path: str, operation: JsonObject) -> str:
    """The path with the examples of its parameters, for use within double quotes of a shell."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            value = parameter.get("example", 1)
            step = quote(value if isinstance(value, str) else json.dumps(value), safe="")
            path = path.replace(f"{{{parameter['name']}}}", step)
    return path
