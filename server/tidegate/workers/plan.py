"""What `tidegate serve` may start, and what a reload may change.

Invariant: workers never serve apart: an engine outside joins their rooms, or the hub does, which also follows the
change log for all of them.
"""

from __future__ import annotations

from tidegate.config import ConfigError, Settings
from tidegate.engines.opening import check_setting
from tidegate.engines.setup import EngineError

RESTART = ("host", "port", "workers", "database", "engine", "engine_prefix", "admin")
"""Settings that a reload does not take: the supervisor, the hub or all gateways have them from the start."""
ONE = (1, "1")
"""The setting `workers` for one process."""


def check(settings: Settings, *, supervised: bool = False) -> None:
    """Raises ConfigError where the settings name no engine, or contradict each other: before any process is started.

    `supervised`: by `tidegate dev`, which has one process whatever the settings are.
    """
    if settings.dev and not supervised and settings.workers not in ONE:
        raise ConfigError(
            f"workers: {settings.workers}, and development mode (--dev) has one process; leave --dev out, or write "
            "--workers 1"
        )
    try:
        check_setting(settings.engine, settings.engine_prefix, settings.database)
    except EngineError as error:
        raise ConfigError(str(error)) from None


def hub_writes(settings: Settings) -> bool:
    """Whether the hub writes the database for all workers."""
    return settings.database.startswith("sqlite:")


def changed(before: Settings, after: Settings) -> list[str]:
    """The settings that differ, of those that only a restart takes."""
    return [name for name in RESTART if getattr(before, name) != getattr(after, name)]
