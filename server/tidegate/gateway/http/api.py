"""Answers requests for `/api`: each is a session for itself, whose one message goes the way of all messages.

It decides who asks (the user of a token, or an anonymous one) and what the request is. It knows no rule of rooms and
rows.
Invariant: a request gets one response, and nothing of one request is visible to the next one of its connection but a
token that was found valid.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus

import msgspec

from tidegate.contract import Contract
from tidegate.core.errors import Refused
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.session import Session
from tidegate.gateway.application.gate import Gate
from tidegate.gateway.http import media_types, responses
from tidegate.gateway.http.operations import CONDITIONS, KEY_HEADER, Operation
from tidegate.gateway.http.paths import Paths
from tidegate.gateway.http.proofs import BEARER, CHECKED_S, Known
from tidegate.gateway.http.replies import REF
from tidegate.gateway.http.reply_sink import ReplySink
from tidegate.gateway.sessions import SessionHandler
from tidegate.gateway.work import Work
from tidegate.transport import Exchange, Response
from tidegate_protocol import Principal

JSON = "application/json"
WHOSE_KEY = "an idempotency key belongs to a user: send a token as well"
"""Each request without a token is one of another user, so that a repetition would be done again."""


class Asked(msgspec.Struct, frozen=True):
    """One request."""

    operation: Operation
    session: Session
    identity: VerifiedIdentity
    admitted: bool
    """The application was asked of this user before, or is never asked."""


class HttpApi:
    """Implements `transport.ApiHandler`. `clock`: seconds since the Unix epoch."""

    def __init__(
        self,
        contract: Contract,
        handler: SessionHandler,
        gate: Gate,
        work: Work,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._contract = contract
        self._handler = handler
        self._gate = gate
        self._work = work
        self._clock = clock
        self._paths = Paths(contract)

    def begin(self, exchange: Exchange) -> Response | None:
        if exchange.repeats:
            operation: Operation = exchange.kept["operation"]
        else:
            found = self._operation(exchange)
            if isinstance(found, Response):
                return found
            operation = exchange.kept["operation"] = found
        try:
            exchange.state = self._asked(exchange, operation)
        except Refused as error:
            return responses.refused(error)
        return None

    def received(self, exchange: Exchange, body: bytes) -> None:
        asked: Asked = exchange.state
        try:
            message = asked.operation.message(exchange.head, body)
            message["ref"] = REF
            request = self._contract.accept(message)
            if asked.operation.has_key and "key" in message and not _has_token(exchange):
                raise Refused("unauthenticated", WHOSE_KEY, pointer="/key")
        except Refused as refused:
            self._refuse(asked.session, refused)
            return
        if asked.admitted:
            self._ask(exchange, asked, request)
            return

        def admitted(identity: VerifiedIdentity) -> None:
            asked.session.become(identity.user, identity.claims)
            self._remember(exchange, identity)
            self._ask(exchange, asked, request)

        self._gate.admit(asked.session, asked.identity, admitted, lambda refused: self._refuse(asked.session, refused))

    def gone(self, exchange: Exchange) -> None:
        if exchange.state is not None:
            self._handler.abandoned(exchange.state.session)

    def _ask(self, exchange: Exchange, asked: Asked, request: msgspec.Struct) -> None:
        """Carry out a request of a client that the application lets in."""
        try:
            self._handler.ask(asked.session, request, lambda effects: asked.operation.effects(exchange.head, effects))
        except Refused as refused:
            self._refuse(asked.session, refused)

    def _refuse(self, session: Session, refused: Refused) -> None:
        self._work.refuse(session, [REF], refused)

    def methods(self, path: str) -> str:
        return self._paths.methods(path)

    def refusal(self, status: HTTPStatus, text: str, headers: dict[str, str]) -> Response:
        return responses.plain_refusal(status, text, headers)

    def _operation(self, exchange: Exchange) -> Operation | Response:
        """What the head of a request asks for, or the response that refuses it."""
        head = exchange.head
        found = self._paths.find(head.path)
        if found is None:
            return self._no_path(head.path)
        operation = found.get("GET" if head.method == "HEAD" else head.method)
        if operation is None:
            allowed = self._paths.methods(head.path)
            text = f"this path takes {allowed}"
            return responses.plain_refusal(HTTPStatus.METHOD_NOT_ALLOWED, text, {"Allow": allowed})
        return _unacceptable(exchange, operation) or operation

    def _no_path(self, path: str) -> Response:
        name = self._paths.needs_connection(path)
        if name is not None:
            text = f"{name!r} is about a connection: send it over the WebSocket at /ws"
            return responses.plain_refusal(HTTPStatus.BAD_REQUEST, text)
        if path != "/api" and not path.startswith("/api/"):
            text = "only GET and HEAD are allowed"
            return responses.plain_refusal(HTTPStatus.METHOD_NOT_ALLOWED, text, {"Allow": "GET, HEAD"})
        text = f"there is no such path{self._paths.meant(path)}; /openapi.json has those that are"
        return responses.plain_refusal(HTTPStatus.NOT_FOUND, text)

    def _asked(self, exchange: Exchange, operation: Operation) -> Asked:
        """The session of a request. Raises Refused for a token that is not valid."""
        headers, kept = exchange.head.headers, exchange.kept
        authorization = headers.get("authorization", "")
        known: Known | None = kept.get("token")
        if (
            known is not None
            and known.authorization == authorization
            and known.counts(self._gate.tokens, self._clock())
        ):
            session = self._session(exchange, operation, known.identity.user)
            identity = known.identity
            admitted = True
        else:
            session = self._session(exchange, operation, self._gate.tokens.anonymous())
            admitted = False
            if _has_token(exchange):
                identity = self._gate.tokens.authenticating(session, authorization[7:].strip())
            elif KEY_HEADER in headers:
                raise Refused("unauthenticated", WHOSE_KEY)
            elif not self._gate.tokens.let_anonymous_in:
                raise Refused("unauthenticated", "send a token: this gateway lets no anonymous clients in")
            else:
                identity = VerifiedIdentity(session.user, None)
                admitted = not self._gate.asks
        session.become(identity.user, identity.claims)
        session.expires_at, session.proof = identity.expires_at, identity.proof
        return Asked(operation, session, identity, admitted)

    def _session(self, exchange: Exchange, operation: Operation, user: Principal) -> Session:
        address = exchange.peer.address if exchange.peer.limited else None
        exchange.sink = sink = ReplySink(exchange, operation, self._gate)
        exchange.owner = session = Session(exchange.id, sink, user, address, outside=True)
        return session

    def _remember(self, exchange: Exchange, identity: VerifiedIdentity) -> None:
        """The token of a connection was found valid, and the application lets its user in."""
        authorization = exchange.head.headers.get("authorization")
        if authorization is not None and not identity.user.anonymous:
            until = self._clock() + CHECKED_S
            if identity.expires_at is not None:
                until = min(until, identity.expires_at)
            exchange.kept["token"] = Known(authorization, identity, until)


def _has_token(exchange: Exchange) -> bool:
    """Another `Authorization` than a token, such as that of a proxy, says nothing to the gateway."""
    return exchange.head.headers.get("authorization", "")[:7].lower() == BEARER


def _unacceptable(exchange: Exchange, operation: Operation) -> Response | None:
    """The response to a request with a condition that it does not take, or a body or an answer that is not JSON."""
    headers = exchange.head.headers
    for name in CONDITIONS:
        if name in headers and name not in operation.conditions:
            text = f"this request takes no {name.title()}: it would be done whether that holds or not"
            return responses.plain_refusal(HTTPStatus.BAD_REQUEST, text)
    accept = headers.get("accept")
    plain = accept in {None, "*/*", JSON} and "content-encoding" not in headers
    if plain and headers.get("content-type") == JSON and JSON in operation.content_types:
        return None  # as nearly all clients say it
    if operation.content_types:
        if (refused := media_types.refused_body(headers, operation.content_types)) is not None:
            return refused
    elif exchange.head.length:
        return responses.plain_refusal(HTTPStatus.BAD_REQUEST, "this request has no body")
    if media_types.accepted(headers).isdisjoint({"*/*", "application/*", *operation.answers}):
        text = f"the answer is {' or '.join(sorted(operation.answers))}"
        return responses.plain_refusal(HTTPStatus.NOT_ACCEPTABLE, text)
    return None
