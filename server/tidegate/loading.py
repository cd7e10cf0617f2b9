"""Loads what an application consists of from the settings: the contract of its schema folder."""

from __future__ import annotations

from tidegate import schema
from tidegate.config import ConfigError, Settings
from tidegate.contract import Contract


def load_contract(settings: Settings) -> Contract:
    """The contract of the application's schema folder. Raises ConfigError with every problem in it."""
    try:
        return Contract(schema.bundle(schema.load(settings.schema_folder)))
    except schema.SchemaError as error:
        raise ConfigError(f"the schema is broken:\n{error}") from None
