"""Says that a command works on the sample application, because the folder it was typed in has no schema folder."""

from __future__ import annotations

import sys

from tidegate.config import Settings

NOTE = "tidegate: there is no folder ./schema, so this is the sample application; --schema DIR names another one"


def say_sample(settings: Settings) -> None:
    """Say it on the standard error output, where it is so."""
    if settings.schema_folder is None:
        print(NOTE, file=sys.stderr)
