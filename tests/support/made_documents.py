"""Makes the documents of a contract once a process, where a gateway makes them at each start.

A gateway's start makes AsyncAPI, OpenAPI and the page at `/docs`, which takes a third of it. Tests start hundreds, most
of them over the sample. Tests of the documents themselves do not use this module.
Invariant: a gateway serves the same bytes with and without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

KEPT = 8
"""Contracts whose documents are kept, at most."""


def remember() -> None:
    """From here on, gateways in this process, and in its forks, take what was made before."""
    documents = import_module("tidegate.documents")
    for name in ("asyncapi", "openapi", "protocol_page"):
        setattr(documents, name, _remembering(getattr(documents, name)))


def make(bundle: dict[str, Any]) -> None:
    """Make the documents of `bundle` now, so that forks have them."""
    documents: Any = import_module("tidegate.documents")
    read = json.loads(json.dumps(bundle))
    for function in (documents.asyncapi, documents.openapi, documents.protocol_page):
        function(read)


def _remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    made: list[tuple[dict[str, Any], dict[str, Any], Any]] = []

    def remembering(bundle: dict[str, Any], **options: Any) -> Any:
        for known, chosen, document in made:
            if known == bundle and chosen == options:
                return document
        made[KEPT - 1 :] = []
        made.insert(0, (bundle, options, function(bundle, **options)))
        return made[0][2]

    return remembering
