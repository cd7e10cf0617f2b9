"""Imports the application's module, and says in one sentence why it cannot be imported.

It knows nothing of what the module registers.
Invariant: whatever the application's code raises while it is imported, the caller gets a HandlersError.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

from tidegate.handlers.errors import HandlersError
from tidegate.handlers.gateway import Gateway

GENERATED = Path("generated", "python")
"""Where `tidegate generate` puts the application's models unless told otherwise."""
PACKAGE = "app_contract"
"""The package of these models."""


def load(target: str) -> Gateway:
    """The `Gateway` that `module:name` names; the working directory and its generated code are searched first.

    Raises HandlersError.
    """
    module_name, _, name = target.partition(":")
    for folder in (Path.cwd() / GENERATED, Path.cwd()):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
        found = getattr(module, name or "gateway", None)
    except HandlersError:
        raise
    except KeyboardInterrupt:  # Ctrl-C, while the application is being imported
        raise
    except BaseException as error:  # the application's code may fail in any way
        raise HandlersError(f"handlers: {_why(error, module_name)}") from error
    if not isinstance(found, Gateway):
        raise HandlersError(f"handlers: {module_name!r} has no Gateway called {name or 'gateway'!r}")
    return found


def _why(error: BaseException, module: str) -> str:
    """Why the module `module` cannot be imported, in one sentence; and the command that helps, if there is one."""
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == PACKAGE:
        if not (GENERATED / PACKAGE).is_dir():
            return f"{module!r} imports {PACKAGE}, the generated code, which is not there; type: tidegate generate"
        what = str(error).partition(" (")[0]
        return f"{_where(error)}{what}; it is made of the schema files; if they are newer, type: tidegate generate"
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return f"there is no module {module!r} in {Path.cwd()}, which the setting `handlers` names"
    try:
        return f"{_where(error)}{type(error).__name__}: {getattr(error, 'msg', None) or error}"
    except BaseException:  # the text of an exception is the application's code, too
        return f"{_where(error)}{type(error).__name__}"


def _where(error: BaseException) -> str:
    """The last line of the application's code that `error` came through, as `file, line 7: `; "" if there is none."""
    place = None
    if isinstance(error, SyntaxError) and error.filename:
        place = Path(error.filename), error.lineno or 1
    for frame, line in traceback.walk_tb(error.__traceback__) if place is None else ():
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(Path.cwd()) and "site-packages" not in file.parts:
            place = file, line
    if place is None:
        return ""
    file, line = place
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return f"{shown}, line {line}: "
