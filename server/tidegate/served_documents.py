"""Says how the documents are made that a gateway serves of its contract, from the settings.

It knows neither paths nor HTTP. Invariant: no document holds a password, and outside development mode none of the
public ones has a rule of `x-access` or names a `writeOnly` property.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from tidegate import documents
from tidegate.config import Settings
from tidegate.contract import Contract
from tidegate.gateway.http_routes import Documents


def served_documents(contract: Contract, settings: Settings) -> Documents:
    """What is served of `contract`: all of it in development mode, and the public part otherwise."""

    def bundle() -> dict[str, Any]:
        whole: dict[str, Any] = json.loads(contract.bundle_json)
        return whole if settings.dev else documents.published(whole)

    return Documents(
        bundle=lambda: contract.bundle_json if settings.dev else _json(bundle()),
        asyncapi=lambda: _json(documents.asyncapi(bundle())),
        openapi=lambda: _json(documents.openapi(bundle())),
        console=(lambda: _console(bundle(), settings)) if settings.serves_console else None,
        protocol_page=lambda: documents.protocol_page(bundle(), console=settings.serves_console).encode(),
        public=settings.documents,
    )


def whole(contract: Contract, name: str) -> bytes:
    """A document for operators, with all that `contract` says: `bundle`, `asyncapi` or `openapi`. It takes a while."""
    if name == "bundle":
        return contract.bundle_json
    made = documents.asyncapi if name == "asyncapi" else documents.openapi
    return _json(made(json.loads(contract.bundle_json)))


def _console(bundle: dict[str, Any], settings: Settings) -> bytes:
    """What the page at `/` shows."""
    return _json({**documents.console(bundle), "development": development(settings)})


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def development(settings: Settings) -> dict[str, str] | None:
    """What the page at `/` says in development mode: commands to type. None outside of it."""
    if not settings.dev:
        return None
    file = settings.database.removeprefix("sqlite:///")
    # The URL of a PostgreSQL server may hold a password, so the page names the variable that holds the URL.
    shell = 'psql "$TIDEGATE_DATABASE"' if file == settings.database else f"sqlite3 {shlex.quote(file)}"
    return {"shell": shell, "token": "tidegate token --user 1 --dev"}
