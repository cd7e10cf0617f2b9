"""The drafts of JSON Schema before 2020-12, by the `$schema` of a file.

https://json-schema.org/specification-links lists them.
"""

from __future__ import annotations

import re

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_HTTP = re.compile(r"https?://json-schema\.org/(draft-0[3-7])/(?:hyper-)?schema#?").fullmatch
_YEAR = re.compile(r"https?://json-schema\.org/draft/(2019-09|2020-12)/(?:hyper-)?schema#?").fullmatch
_ANY = re.compile(r"https?://json-schema\.org/schema#?").fullmatch
_OPENAPI = re.compile(r"https?://spec\.openapis\.org/oas/(3\.\d).*").fullmatch
REF_ALONE = frozenset({"draft-03", "draft-04", "draft-06", "draft-07"})
"""Here the words beside a `$ref` had no effect (draft-07, section 8.3)."""


def draft_of(dialect: object) -> str | None:
    """The name of the draft that `$schema` names. None if it names none that is known."""
    if not isinstance(dialect, str):
        return None
    if (found := _HTTP(dialect)) is not None:
        return found[1]
    if (found := _YEAR(dialect)) is not None:
        return f"draft {found[1]}"
    if (found := _OPENAPI(dialect)) is not None:
        return f"OpenAPI {found[1]}"
    return "no certain draft" if _ANY(dialect) else None
