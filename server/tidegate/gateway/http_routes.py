"""What the gateway answers over plain HTTP: health, the contract in every form, and pages to read it and to try it.

Only GET and HEAD, only these paths; everything is read or made once, at start. The documents come from outside: they
are made of the schema alone.
Invariant: `/readyz` says 200 exactly while new clients are welcome, and the database and the engine answer. Otherwise
it says which of them is the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import PurePath

import msgspec

from tidegate.core.rooms.ports import Engine
from tidegate.core.rows.ports import Store
from tidegate.transport import Answer, Request, Response, Routes

HTML, JSON = "text/html; charset=utf-8", "application/json"
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
    """The forms of one contract, as they are served."""

    bundle: bytes
    """The schema bundle. JSON, as the next three."""
    asyncapi: bytes
    openapi: bytes
    console: bytes | None
    """What the page at `/` shows of the application. None: the page is not served."""
    protocol_page: bytes
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
    for path, document in _documents(documents):
        table.add(path, _fixed(document if documents.public else NO_DOCUMENTS))
    console = NO_CONSOLE if documents.console is None else _json(documents.console)
    table.add("/console/application.json", _fixed(console))
    for path, response in _files():
        for_console = path == "/" or path.startswith("/console/")
        table.add(path, _fixed(console if for_console and documents.console is None else response))
    return table


def _documents(documents: Documents) -> Iterator[tuple[str, Response]]:
    """The forms of the contract that programs and people read."""
    yield "/schema/bundle.json", Response(200, {"Content-Type": "application/schema+json"}, documents.bundle)
    yield "/asyncapi.json", _json(documents.asyncapi)
    yield "/openapi.json", _json(documents.openapi)
    yield "/docs", Response(200, {"Content-Type": HTML, "Content-Security-Policy": READ_ONLY}, documents.protocol_page)


def _files() -> Iterator[tuple[str, Response]]:
    """The files of both pages: `/` itself, `/docs.*` of the protocol page, `/console/*` of the page at `/`."""
    for file in (files("tidegate") / "console").iterdir():
        content_type = TYPES.get(PurePath(file.name).suffix)
        if content_type is None:
            continue
        folder = "" if file.name.startswith("docs.") else "console/"
        path = "/" if file.name == "index.html" else f"/{folder}{file.name}"
        yield path, Response(200, {"Content-Type": content_type}, file.read_bytes())


def _json(document: bytes) -> Response:
    return Response(200, {"Content-Type": JSON}, document)


def _fixed(response: Response) -> Answer:
    return lambda _: response
