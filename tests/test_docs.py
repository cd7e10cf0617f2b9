"""The documents say what is there: every setting, and nothing that is not one."""

from __future__ import annotations

import re
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec

from tests.support.gateway import ROOT
from tidegate.config import Settings


def test_every_setting_is_documented_with_its_meaning_and_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*?) \| (.*) \|$", (ROOT / "docs" / "settings.md").read_text(), re.M)
    documented = {name: (variable, default, meaning) for name, variable, default, meaning in rows}
    hints = get_type_hints(Settings, include_extras=True)
    assert list(documented) == list(hints)
    defaults = Settings()
    for name, hint in hints.items():
        variable, default, meaning = documented[name]
        assert get_origin(hint) is Annotated
        assert variable == f"TIDEGATE_{name.upper()}"
        assert meaning == next(m.description for m in get_args(hint) if isinstance(m, msgspec.Meta) and m.description)
        value = getattr(defaults, name)
        shown = "none" if value in (None, ()) else f"`{str(value).lower() if isinstance(value, bool) else value}`"
        assert default == shown, name
