"""Words of older drafts that draft 2020-12 still allows, and for which Tidegate does less."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.schema.mistakes.site import Found, Site


def older_hints(site: Site) -> Iterator[Found]:
    """`definitions`: the schemas there get no name in generated code."""
    if "definitions" in site.schema:
        yield (
            "/definitions",
            'is "$defs" since draft 2019-09, and only schemas there get names in code; type: tidegate check --fix',
        )
