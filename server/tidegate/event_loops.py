"""The event loop of a process: uvloop's where it is installed, asyncio's elsewhere, or the one that a setting names.

Nothing else in Tidegate knows which one runs. Invariant: a name that `check` lets pass can be run.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

Result = TypeVar("Result")

NAMES = ("auto", "asyncio", "uvloop")


def installed() -> bool:
    """Whether this Python has uvloop."""
    return importlib.util.find_spec("uvloop") is not None


def check(name: str) -> None:
    """Raises ValueError for what is no event loop of this Python."""
    if name not in NAMES:
        raise ValueError(f"must be {', '.join(NAMES[:-1])} or {NAMES[-1]}, not {name!r}")
    if name == "uvloop" and not installed():
        raise ValueError("uvloop is not installed; `pip install 'tidegate[uvloop]'` brings it, and `auto` does without")


def chosen(name: str) -> str:
    """The loop that runs where the setting is `name`: asyncio or uvloop."""
    return ("uvloop" if installed() else "asyncio") if name == "auto" else name


def run(main: Coroutine[Any, Any, Result], name: str) -> Result:
    """As `asyncio.run`, in the loop that the setting `name` means."""
    import asyncio  # noqa: PLC0415  # the settings, which every command reads, do without

    with asyncio.Runner(loop_factory=_factory(chosen(name))) as runner:
        return runner.run(main)


def _factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if name == "asyncio":
        import asyncio  # noqa: PLC0415  # as above

        return asyncio.SelectorEventLoop  # an application may have set a policy for other loops
    made: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return made
