"""The head of one HTTP request, read strictly: what two programs could read in two ways is refused.

llhttp (httptools) reads the bytes. Here are the rules that it leaves to its user (RFC 9112, sections 3.2 and 6): one
Host, a known version, `chunked` as the only transfer coding, and no header twice that says who asks for what.
Invariant: of a `Head` that exists, every proxy that follows the RFC finds the same length of the body.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

import httptools
import msgspec

SINGLE: Final = frozenset({
    "host", "authorization", "content-type", "content-length", "origin", "expect", "idempotency-key", "if-match",
    "if-none-match", "transfer-encoding",
})  # fmt: skip
"""Headers that a request has once at most."""
COMMON = (*SINGLE, "accept", "accept-encoding", "connection", "user-agent", "x-forwarded-for")
KEYS: Final = {spelled.encode(): name for name in COMMON for spelled in (name, name.title())}
"""How most clients write the names of headers; the others cost one more step."""
HOST = re.compile(r"[A-Za-z0-9._~%:\[\]-]+")
PATHS: Final = frozenset({b"/api", b"/sse"})
BELOW: Final = (b"/api/", b"/api?", b"/sse/", b"/sse?")
HTTP = (b"http://", b"https://")


class BadRequest(Exception):
    """The request is refused, and its connection ends. `status`: of the response; the text is for its body."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Head(msgspec.Struct, frozen=True, gc=False):
    """A request without its body."""

    method: str
    path: str
    """As the client wrote it: percent-encoded, without the query."""
    query: str
    headers: dict[str, str]
    """By name in lower case. Of a header that came several times, the values with commas between them."""
    length: int
    """Bytes of the body; -1 for a body in chunks."""
    version: str
    """1.1 or 1.0."""
    keep_alive: bool
    """The client may send further requests on this connection."""
    expects: bool
    """The client waits for `100 Continue` before it sends the body."""

    @property
    def chunked(self) -> bool:
        return self.length < 0


def for_api(head: bytes) -> bool:
    """Whether a request is for `/api` or `/sse`, or has a method that no fixed page answers. It may be malformed."""
    method, _, rest = head.partition(b" ")
    target = rest[: rest.find(b" ")]
    if target.startswith(HTTP):
        slash = target.find(b"/", 8)
        target = target[slash:] if slash > 0 else b"/"
    if target in PATHS or target.startswith(BELOW):
        return True
    return method not in {b"GET", b"HEAD"} and method.isalpha() and method.isupper()


class _Reading:
    """What llhttp calls."""

    __slots__ = ("fields", "target", "whole")

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.whole = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.whole = True


def read_head(data: bytes) -> Head:
    """The head in `data`, which ends with its empty line. Raises BadRequest."""
    reading = _Reading()
    parser = httptools.HttpRequestParser(reading)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        raise BadRequest(HTTPStatus.BAD_REQUEST, "this path takes no upgrade and no tunnel") from None
    except httptools.HttpParserInvalidMethodError:
        raise BadRequest(HTTPStatus.NOT_IMPLEMENTED, "this method is not known") from None
    except httptools.HttpParserError:
        raise BadRequest(HTTPStatus.BAD_REQUEST, "malformed HTTP request") from None
    version = parser.get_http_version()
    if not reading.whole or version not in {"1.1", "1.0"}:
        raise BadRequest(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "this port speaks HTTP/1.1")
    headers = _headers(reading.fields)
    if HOST.fullmatch(headers.get("host", "")) is None:
        raise BadRequest(HTTPStatus.BAD_REQUEST, "the request has no Host")
    path, _, query = _origin_form(reading.target, headers["host"]).partition("?")
    return Head(
        parser.get_method().decode("ascii"),
        path,
        query,
        headers,
        _length(headers, version),
        version,
        version == "1.1" and not _closes(headers),
        _expects(headers),
    )


def _closes(headers: dict[str, str]) -> bool:
    # llhttp forgets what it read of `Connection` at the end of a request, which a head without a body is.
    options = headers.get("connection")
    return options is not None and "close" in [option.strip() for option in options.lower().split(",")]


def _headers(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in fields:
        key, text = KEYS.get(name) or name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
        if key not in headers:
            headers[key] = text
        elif key in SINGLE:
            raise BadRequest(HTTPStatus.BAD_REQUEST, f"the request has the header {key} twice")
        else:
            headers[key] += f", {text}"
    return headers


def _origin_form(target: bytes, host: str) -> str:
    """The path and the query. The absolute form (RFC 9112, section 3.2.2) must name the host that `Host` names."""
    text = target.decode("latin-1")
    if text.startswith("/"):
        return text.partition("#")[0]
    scheme, found, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    if not found or scheme.lower() not in {"http", "https"} or authority.lower() != host.lower():
        raise BadRequest(
            HTTPStatus.BAD_REQUEST, "the target of the request is no path, or names another host than its Host"
        )
    return f"{slash}{path}" or "/"


def _length(headers: dict[str, str], version: str) -> int:
    coding = headers.get("transfer-encoding")
    if coding is None:
        return int(headers.get("content-length") or 0)
    if version == "1.0":
        raise BadRequest(HTTPStatus.BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding")
    if coding.lower() != "chunked":
        raise BadRequest(HTTPStatus.NOT_IMPLEMENTED, "the only transfer coding is chunked")
    return -1


def _expects(headers: dict[str, str]) -> bool:
    expected = headers.get("expect")
    if expected is None:
        return False
    if expected.lower() != "100-continue":
        raise BadRequest(HTTPStatus.EXPECTATION_FAILED, "only 100-continue can be expected")
    return True
