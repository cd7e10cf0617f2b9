"""What is wrong with an application's handlers."""

from __future__ import annotations

from tidegate.core.errors import TidegateError


class HandlersError(TidegateError):
    """Handlers that cannot be used; the text says which and why."""
