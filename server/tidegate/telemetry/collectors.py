"""What the setting `otel_endpoint` may be: the URL of a collector, with or without the path for spans.

Invariant: a URL that `check` lets pass can be used by this Python, and holds no password.
"""

from __future__ import annotations

import importlib.util
from urllib.parse import urlsplit, urlunsplit

PATH = "/v1/traces"
PACKAGE = "opentelemetry.exporter.otlp.proto.http"


def installed() -> bool:
    """Whether this Python has what sends spans."""
    try:
        return importlib.util.find_spec(PACKAGE) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def check(endpoint: str | None) -> None:
    """Raises ValueError for what is no collector, or where the extra is not installed."""
    if endpoint is None:
        return
    url = urlsplit(endpoint)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError(f"must be http://host:4318 or https://..., not {endpoint!r}")
    if url.username is not None or url.password is not None:
        raise ValueError(
            "must hold no password; OTEL_EXPORTER_OTLP_HEADERS in the environment has what a collector asks for"
        )
    if url.query or url.fragment:
        raise ValueError("must be a URL without `?` and `#`")
    if not installed():
        raise ValueError("OpenTelemetry is not installed; `pip install 'tidegate[otel]'` brings it")


def url_of(endpoint: str) -> str:
    """The URL to which spans go."""
    url = urlsplit(endpoint)
    return endpoint if url.path not in {"", "/"} else urlunsplit(url._replace(path=PATH))
