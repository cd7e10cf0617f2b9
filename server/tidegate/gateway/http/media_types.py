"""The media types of a request over HTTP: that of its body, and those that its client takes as an answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from http import HTTPStatus

from tidegate.gateway.http.responses import plain_refusal
from tidegate.transport import Response


def refused_body(headers: Mapping[str, str], types: Collection[str]) -> Response | None:
    """The response to a request whose body is none of `types`, not in UTF-8, or compressed."""
    kind, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if kind.strip() not in types or charset not in {"", "utf-8"}:
        text = f"the body is {' or '.join(sorted(types))}, in UTF-8"
        return plain_refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
    if headers.get("content-encoding", "identity").lower() != "identity":
        return plain_refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is not compressed")
    return None


def accepted(headers: Mapping[str, str]) -> set[str]:
    """The types and ranges of types (`text/*`) that the client takes as an answer."""
    return {part.partition(";")[0].strip() for part in (headers.get("accept") or "*/*").lower().split(",")}
