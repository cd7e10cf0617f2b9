"""What an application consists of, loaded from the settings: its schema, its Python code, and who may do what.

It knows where the parts are, and whether they fit together.
Invariant: an application that is loaded has a schema for each handler and each rule.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate import handlers, webhooks
from tidegate.auth import room_access, row_access
from tidegate.config import ConfigError, Settings
from tidegate.contract import Contract
from tidegate.core.access.room_rules import RoomAccess
from tidegate.core.access.rules import RowAccess
from tidegate.handlers.loading import PACKAGE
from tidegate.loading import load_contract

log = logging.getLogger("tidegate")


@dataclass(frozen=True, slots=True)
class Application:
    """What an application consists of: its schema, its handlers, and who may do what with which rows."""

    contract: Contract
    handlers: handlers.Gateway
    access: Mapping[str, RowAccess]
    rooms: Mapping[str, RoomAccess] = field(default_factory=dict)
    """Rules of rooms that look at more than the user, by pattern."""


def load_application(settings: Settings, added: handlers.Gateway | None = None) -> Application:
    """The schema folder and the handlers of `settings`, or `added` instead of those.

    Raises ConfigError where they, or the webhooks of `settings`, do not fit together.
    """
    contract = load_contract(settings)
    webhooks.filters(settings, contract)
    if added is None:
        added = _handlers(settings)
        _look_at_generated_code(contract)
    _check_handlers(added, contract)
    access = row_access.of_resources(contract, added.rules)
    return Application(contract, added, access, room_access.of_rooms(contract, added.room_rules))


def _handlers(settings: Settings) -> handlers.Gateway:
    """What the application adds in Python. Raises ConfigError."""
    try:
        return handlers.load(settings.handlers) if settings.handlers else handlers.Gateway()
    except handlers.HandlersError as error:
        raise ConfigError(str(error)) from None


def _look_at_generated_code(contract: Contract) -> None:
    """Warn where the handlers use types that were generated from another schema."""
    made_from = getattr(sys.modules.get(PACKAGE), "CONTRACT", None)
    if made_from is not None and made_from != contract.hash:
        log.warning(
            "the generated code that the handlers import (%s) is of another schema than the gateway serves; "
            "type: tidegate generate",
            PACKAGE,
        )


def _check_handlers(found: handlers.Gateway, contract: Contract) -> None:
    """Raises ConfigError for a handler of a message that is not one of the application's."""
    unknown = sorted(found.handlers.keys() - contract.custom_messages.keys())
    if unknown:
        raise ConfigError(f"handlers: {unknown[0]!r} is no message of schema/client, or one of the protocol's own")
    for name, handler in found.handlers.items():
        if handler.streams and contract.custom_messages[name].part is None:
            raise ConfigError(f"handlers: {handler.name} yields, and the schema of {name!r} has no `x-part`")
    for name in sorted(contract.custom_messages.keys() - found.handlers.keys()):
        log.warning("no handler: messages of type %r are refused", name)
