"""What the gateway answers over plain HTTP: health, the schema bundle, and a page to try it in a browser.

Only GET and HEAD, only these paths; everything is read once at start.
Invariant: `/readyz` says 200 exactly while new clients are welcome and the database answers.
"""

from __future__ import annotations

from importlib.resources import files

from tidegate.contract import Contract
from tidegate.core.ports import Store
from tidegate.net.gateway import Gateway
from tidegate.net.http import Answer, Request, Response, Routes

CONSOLE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/console.js": ("console.js", "text/javascript; charset=utf-8"),
    "/console.css": ("console.css", "text/css; charset=utf-8"),
}


def routes(contract: Contract, gateway: Gateway, store: Store) -> Routes:
    """The table of paths."""

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
    folder = files("tidegate") / "console"
    for path, (name, content_type) in CONSOLE.items():
        table.add(path, _fixed(Response(200, {"Content-Type": content_type}, (folder / name).read_bytes())))
    return table


def _fixed(response: Response) -> Answer:
    return lambda _: response
