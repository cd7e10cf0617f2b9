"""Opens the store of rows that the settings name, for a gateway or for the hub of several workers.

It turns settings into what a store is opened with, and the store's reasons not to open into a ConfigError.
"""

from __future__ import annotations

from tidegate.config import ConfigError, Settings
from tidegate.contract import Contract
from tidegate.hub.connector import Hub
from tidegate.room_engine import has_durable
from tidegate.store import OpenedStore, Retention, StoreError, Timeouts, open_store
from tidegate.store.backends import open_lent_store
from tidegate.store.opened import LentStore


async def opened(settings: Settings, contract: Contract, hub: Hub | None) -> OpenedStore:
    """`hub`: what lends the database, where there are several workers. Raises ConfigError."""
    try:
        return await open_store(
            settings.database,
            contract.resources,
            _retention(settings),
            _timeouts(settings),
            hub,
            durable=has_durable(contract),
            prefix=settings.engine_prefix or "",
        )
    except StoreError as error:
        raise ConfigError(str(error)) from None


async def lent(settings: Settings, contract: Contract) -> LentStore:
    """The store that a hub lends to workers. Raises ConfigError."""
    try:
        return await open_lent_store(
            settings.database,
            contract.resources,
            _retention(settings),
            _timeouts(settings),
            durable=has_durable(contract),
            prefix=settings.engine_prefix or "",
        )
    except StoreError as error:
        raise ConfigError(str(error)) from None


def _retention(settings: Settings) -> Retention:
    return Retention(age_ms=int(settings.log_age * 1000), rows=settings.log_rows, bytes=settings.log_bytes)


def _timeouts(settings: Settings) -> Timeouts:
    return Timeouts(read=settings.read_timeout, write=settings.write_timeout)
