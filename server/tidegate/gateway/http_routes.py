"""What the gateway answers over plain HTTP: health, the contract in every form, and pages to read it and to try it.

Only GET and HEAD, only these paths. Files are read once, at start; a document is made once, for the first client that
asks for it. The documents come from outside: they are made of the schema alone.
Invariant: `/readyz` says 200 exactly while new clients are welcome, and the database and the engine answer. Otherwise
it says which of them is the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import PurePath

import msgspec

from tidegate.core.rooms.ports import Engine
from tidegate.core.rows.ports import Store
from tidegate.gateway.late_documents import LateDocument, Make
from tidegate.transport import JSON_HEADERS, Answer, Request, Response, Routes

HTML = "text/html; charset=utf-8"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": HTML,
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""The content types of the pages' files, by the ends of their names."""
READ_ONLY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of a page that makes no requests."""

NO_DOCUMENTS = Response.text(404, "the documents are off; the setting `documents = true` switches them on\n")
NO_CONSOLE = Response.text(404, "the console is off; the setting `console = true` or development mode switches it on\n")


class Documents(msgspec.Struct, frozen=True):
    """What makes the forms of one contract, as they are served. Each takes a while."""

    bundle: Make
    """The schema bundle. JSON, as the next three."""
    asyncapi: Make
    openapi: Make
    console: Make | None
    """What the page at `/` shows of the application. None: the page is not served."""
    protocol_page: Make
    """The HTML page at `/docs`."""
    public: bool = True
    """Whether any of it but the console is served."""


def routes(documents: Documents, draining: Callable[[], bool], store: Store, engine: Engine) -> Routes:
    """The table of paths. `draining`: whether the clients were told that the gateway ends."""

    def ready(_: Request) -> Response:
        if draining():
            return Response.text(503, "draining\n")
        if (problem := store.problem) is not None:
            return Response.text(503, f"{problem}\n")
        if not engine.healthy:
            return Response.text(503, "the engine of rooms does not answer\n")
        return Response.text(200, "ready\n")

    table = Routes()
    table.add("/healthz", lambda _: Response.text(200, "ok\n"), always=True)
    table.add("/readyz", ready, always=True)
    turn = asyncio.Lock()
    for path, (make, headers) in _documents(documents).items():
        table.add(path, LateDocument(path, make, headers, turn) if documents.public else _fixed(NO_DOCUMENTS))
    about, no_console = "/console/application.json", _fixed(NO_CONSOLE)
    table.add(
        about, no_console if documents.console is None else LateDocument(about, documents.console, JSON_HEADERS, turn)
    )
    for path, response in _files():
        for_console = path == "/" or path.startswith("/console/")
        table.add(path, no_console if for_console and documents.console is None else _fixed(response))
    return table


def _documents(documents: Documents) -> Mapping[str, tuple[Make, Mapping[str, str]]]:
    """The forms of the contract that programs and people read, with their headers."""
    return {
        "/schema/bundle.json": (documents.bundle, {"Content-Type": "application/schema+json"}),
        "/asyncapi.json": (documents.asyncapi, JSON_HEADERS),
        "/openapi.json": (documents.openapi, JSON_HEADERS),
        "/docs": (documents.protocol_page, {"Content-Type": HTML, "Content-Security-Policy": READ_ONLY}),
    }


def _files() -> Iterator[tuple[str, Response]]:
    """The files of both pages: `/` itself, `/docs.*` of the protocol page, `/console/*` of the page at `/`."""
    for file in (files("tidegate") / "console").iterdir():
        content_type = TYPES.get(PurePath(file.name).suffix)
        if content_type is None:
            continue
        folder = "" if file.name.startswith("docs.") else "console/"
        path = "/" if file.name == "index.html" else f"/{folder}{file.name}"
        yield path, Response(200, {"Content-Type": content_type}, file.read_bytes())


def _fixed(response: Response) -> Answer:
    return lambda _: response
