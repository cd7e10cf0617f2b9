"""What the gateway answers over plain HTTP: health, the contract in every form, and pages to read it and to try it.

Only GET and HEAD, only these paths; everything is read or made once, at start.
Invariant: `/readyz` says 200 exactly while new clients are welcome and the database answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from tidegate.contract import Contract
from tidegate.core.rows.ports import Store
from tidegate.documents import asyncapi, console, openapi, protocol_page
from tidegate.gateway.gateway import Gateway
from tidegate.transport import Answer, Request, Response, Routes

HTML, JSON = "text/html; charset=utf-8", "application/json"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": HTML,
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What the files of the pages are, by the ends of their names."""
READ_ONLY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of a page that speaks to nobody."""


def routes(
    contract: Contract, gateway: Gateway, store: Store, *, development: Mapping[str, str] | None = None
) -> Routes:
    """The table of paths. `development` is for the page at `/`: commands that it shows in development mode."""

    def ready(_: Request) -> Response:
        if gateway.draining:
            return Response.text(503, "draining\n")
        if not store.healthy:
            return Response.text(503, "the database does not answer\n")
        return Response.text(200, "ready\n")

    table = Routes()
    table.add("/healthz", lambda _: Response.text(200, "ok\n"))
    table.add("/readyz", ready)
    bundle = Response(200, {"Content-Type": "application/schema+json"}, contract.bundle_json)
    table.add("/schema/bundle.json", _fixed(bundle))
    document: dict[str, Any] = json.loads(contract.bundle_json)
    table.add("/asyncapi.json", _fixed(_json(asyncapi(document))))
    table.add("/openapi.json", _fixed(_json(openapi(document))))
    page = Response(200, {"Content-Type": HTML, "Content-Security-Policy": READ_ONLY}, protocol_page(document).encode())
    table.add("/docs", _fixed(page))
    about = {**console(document), "development": development}
    table.add("/console/application.json", _fixed(_json(about)))
    for path, response in _files():
        table.add(path, _fixed(response))
    return table


def _files() -> Iterator[tuple[str, Response]]:
    """The files of both pages: `/` itself, `/docs.*` of the protocol page, `/console/*` of the page at `/`."""
    for file in (files("tidegate") / "console").iterdir():
        content_type = TYPES.get(PurePath(file.name).suffix)
        if content_type is None:
            continue
        folder = "" if file.name.startswith("docs.") else "console/"
        path = "/" if file.name == "index.html" else f"/{folder}{file.name}"
        yield path, Response(200, {"Content-Type": content_type}, file.read_bytes())


def _json(document: dict[str, Any]) -> Response:
    return Response(200, {"Content-Type": JSON}, json.dumps(document, ensure_ascii=False).encode())


def _fixed(response: Response) -> Answer:
    return lambda _: response
