"""The operations over HTTP: who may ask, which path is which operation, and how answers are written.

Implements `transport.ApiHandler` for the listener of operators. Every request but one without a known secret is
answered in JSON, `/metrics` in the format of Prometheus.
Invariant: no operation begins before the secret was found right.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import msgspec

from tidegate.admin import exposition
from tidegate.admin.answering import OperationError
from tidegate.admin.gathered import Gathered
from tidegate.admin.tasks import Tasks
from tidegate.counted import Counted
from tidegate.transport import JSON_HEADERS, Exchange, Response

log = logging.getLogger("tidegate.admin")
REFUSED = Counted(log, logging.WARNING, "%s asked for the admin address without the right secret", name="admin_refused")
UNSENT = 262_144
"""Bytes of a tail that may wait for the operator."""
BEARER = "bearer "
LINES = Response(200, {"Content-Type": "application/jsonl"})
DOCUMENTS = frozenset({"bundle", "asyncapi", "openapi"})
"""Of the contract, with the rules that are not published."""


class Route(NamedTuple):
    """What a method of a path does. `done`: what the log says of it; empty for what only shows something."""

    operation: str
    done: str = ""


PATHS: Mapping[tuple[str, ...], Mapping[str, Route]] = {
    ("metrics",): {"GET": Route("metrics")},
    ("connections",): {"GET": Route("connections")},
    ("rooms",): {"GET": Route("rooms")},
    ("rooms", "*"): {"GET": Route("room")},
    ("rooms", "*", "history"): {"DELETE": Route("forget_history", "forgot the history of")},
    ("subscriptions",): {"GET": Route("subscriptions")},
    ("nodes",): {"GET": Route("nodes")},
    ("schema", "bundle.json"): {"GET": Route("bundle")},
    ("asyncapi.json",): {"GET": Route("asyncapi")},
    ("openapi.json",): {"GET": Route("openapi")},
    ("tail",): {"GET": Route("tail")},
    ("disconnect",): {"POST": Route("disconnect", "disconnected")},
    ("revoke",): {"POST": Route("revoke", "revoked")},
    ("drain",): {"POST": Route("drain", "began a drain"), "DELETE": Route("resume", "ended a drain")},
}


class AdminApi:
    """`secret`: what operators have to send; None for no secret. `tasks` gets what is under way.

    `document`: the whole of one of `DOCUMENTS`, made in a thread.
    """

    def __init__(self, gathered: Gathered, secret: str | None, tasks: Tasks, document: Callable[[str], bytes]) -> None:
        self._gathered = gathered
        self._document = document
        self._secret = None if secret is None else secret.encode()
        self._tasks = tasks

    def begin(self, exchange: Exchange) -> Response | None:
        if not self._may(exchange.head.headers.get("authorization", "")):
            REFUSED(exchange.peer.logged)
            return self.refusal(HTTPStatus.UNAUTHORIZED, "send the secret: Authorization: Bearer ...", {})
        methods, _ = _find(exchange.head.path)
        if not methods:
            paths = ", ".join("/" + "/".join(path).replace("*", "NAME") for path in PATHS)
            return self.refusal(HTTPStatus.NOT_FOUND, f"there are: {paths}", {})
        if exchange.head.method not in methods:
            allowed = ", ".join(methods)
            return self.refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"this path takes {allowed}", {"Allow": allowed})
        return None

    def received(self, exchange: Exchange, body: bytes) -> None:
        methods, name = _find(exchange.head.path)
        route = methods[exchange.head.method]
        try:
            asked = dict(parse_qsl(exchange.head.query)) | _object(body) | ({"room": name} if name else {})
        except ValueError as error:
            exchange.respond(self.refusal(HTTPStatus.BAD_REQUEST, f"the body is no JSON object: {error}", {}))
            return
        work = self._follow(exchange, asked) if route.operation == "tail" else self._ask(exchange, route, asked)
        exchange.state = self._tasks.begin(work)

    def gone(self, exchange: Exchange) -> None:
        if exchange.state is not None:
            exchange.state.cancel()

    def methods(self, path: str) -> str:
        return ""

    def refusal(self, status: HTTPStatus, text: str, headers: Mapping[str, str]) -> Response:
        known = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
        return Response(status, {**JSON_HEADERS, **known, **headers}, json.dumps({"error": text}).encode() + b"\n")

    def _may(self, authorization: str) -> bool:
        if self._secret is None:
            return True
        given = authorization[len(BEARER) :].strip() if authorization.lower().startswith(BEARER) else ""
        return hmac.compare_digest(given.encode(), self._secret)

    async def _ask(self, exchange: Exchange, route: Route, asked: dict[str, Any]) -> None:
        try:
            if route.operation in DOCUMENTS:
                made = await asyncio.to_thread(self._document, route.operation)
                exchange.respond(Response(200, JSON_HEADERS, made))
                return
            answer = await self._gathered.ask(route.operation, asked)
            if route.operation == "disconnect" and asked.get("connection"):
                await self._gathered.ask("disconnect_here", asked)
        except OperationError as refused:
            exchange.respond(self.refusal(refused.status, str(refused), {}))
            return
        except Exception:  # the boundary: an operation that fails must not end the gateway
            log.exception("an operation failed: %s", route.operation)
            exchange.respond(self.refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "it failed; the log says why", {}))
            return
        if route.done:
            about = {name: value for name, value in asked.items() if name in {"user", "connection", "jti", "room"}}
            log.info("an operator %s", route.done, extra=about)
        if route.operation == "metrics":
            page = exposition.text(answer).encode()
            exchange.respond(Response(200, {"Content-Type": exposition.CONTENT_TYPE}, page))
        else:
            exchange.respond(Response(200, JSON_HEADERS, msgspec.json.encode(answer) + b"\n"))

    async def _follow(self, exchange: Exchange, asked: dict[str, Any]) -> None:
        begun = False
        try:
            async for event in self._gathered.follow(asked):
                if not begun:
                    exchange.begin(LINES)
                    begun = True
                exchange.send(msgspec.json.encode(event) + b"\n")
                if exchange.unsent > UNSENT:
                    await exchange.drained()
        except OperationError as refused:
            if not begun:
                exchange.respond(self.refusal(refused.status, str(refused), {}))
        except Exception:  # the boundary, as above
            log.exception("a tail failed")
        exchange.end()


def _find(path: str) -> tuple[Mapping[str, Route], str]:
    """The methods of a path, none where it is unknown; and the name in it."""
    parts = tuple(unquote(part) for part in path.strip("/").split("/"))
    for known, methods in PATHS.items():
        if len(known) == len(parts) and all(one in {"*", other} for one, other in zip(known, parts, strict=True)):
            return methods, next((part for one, part in zip(known, parts, strict=True) if one == "*"), "")
    return {}, ""


def _object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("it is another value")  # of the request
    return found
