"""Unknown names of formats: the gateway would accept any text there.

JSON Schema lets a validator ignore a format that it does not know, so that a misspelled one checks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidegate.int64 import FORMAT as INT64
from tidegate.schema.mistakes.site import Found, Site
from tidegate.schema.suggestions import suggestion

TEXT_FORMATS = frozenset({
    "date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ipv4", "ipv6", "iri",
    "iri-reference", "json-pointer", "regex", "relative-json-pointer", "time", "uri", "uri-reference", "uri-template",
    "uuid",
})  # fmt: skip
"""The formats of draft 2020-12."""
CHECKED = TEXT_FORMATS | {INT64}

_MEANT = {
    **dict.fromkeys(("timestamp", "iso8601", "iso-8601", "rfc3339", "local-date-time"), "date-time"),
    **dict.fromkeys(("guid", "uuid4", "uuidv4", "uuid7"), "uuid"),
    **dict.fromkeys(("url", "href", "link", "http-url", "https-url"), "uri"),
    **dict.fromkeys(("mail", "e-mail", "emailaddress", "email-address"), "email"),
    **dict.fromkeys(("host", "host-name", "domain", "fqdn"), "hostname"),
    **dict.fromkeys(("ip-address", "ip4"), "ipv4"),
    "ip6": "ipv6",
    **dict.fromkeys(("day", "full-date", "calendar-date"), "date"),
    **dict.fromkeys(("full-time", "clock"), "time"),
    **dict.fromkeys(("interval", "timespan", "period"), "duration"),
    **dict.fromkeys(("regexp", "pattern"), "regex"),
    **dict.fromkeys(("long", "bigint", "uint64", "int-64"), INT64),
}
_WRITE = {
    **dict.fromkeys(
        ("int32", "int", "integer"), '"minimum": -2147483648 and "maximum": 2147483647 with "type": "integer"'
    ),
    "int8": '"minimum": -128 and "maximum": 127 with "type": "integer"',
    "int16": '"minimum": -32768 and "maximum": 32767 with "type": "integer"',
    "uint8": '"minimum": 0 and "maximum": 255 with "type": "integer"',
    "uint32": '"minimum": 0 and "maximum": 4294967295 with "type": "integer"',
    **dict.fromkeys(("float", "double", "decimal", "number"), '"type": "number" without a `format`'),
    "password": '"writeOnly": true, so that no client can read it',
    **dict.fromkeys(("byte", "base64", "binary"), '"contentEncoding": "base64"'),
    **dict.fromkeys(("ip", "inet"), '"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]'),
    **dict.fromkeys(("phone", "tel", "color", "colour", "slug", "currency", "country", "zip"), 'a `pattern`'),
}  # fmt: skip


def unknown_formats(site: Site) -> Iterator[Found]:
    """A `format` that nothing checks."""
    name = site.schema.get("format")
    if isinstance(name, str) and name not in CHECKED:
        yield (
            "/format",
            f"nothing checks the format {name!r}{_instead(name)}; the formats are {', '.join(sorted(CHECKED))}",
        )


def _instead(name: str) -> str:
    plain = re.sub(r"[\s_]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.strip())).lower()
    joined = {known.replace("-", ""): known for known in CHECKED}
    meant = _MEANT.get(plain) or joined.get(plain.replace("-", ""))
    if meant:
        return f"; did you mean {meant!r}?"
    if plain in _WRITE:
        return f"; write {_WRITE[plain]}"
    return suggestion(plain, CHECKED, 0.7) or "; remove it, or name it `x-format` if another program reads it"
