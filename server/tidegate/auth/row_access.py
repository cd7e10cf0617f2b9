"""Who may do what with which rows: `x-access` of the schema and the application's own rules, put together.

It knows where the parts come from; what they mean is decided in `core.access`.
Invariant: a rule of the application that fails, or returns what no client could ask for, admits no user.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from tidegate.config import ConfigError
from tidegate.contract import Contract, Resource, canonical_rules, converters, hazards
from tidegate.contract.canonical import NotCanonical
from tidegate.core.access.row_rules import Claims
from tidegate.core.access.rules import Hook, RowAccess
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING, NOTHING, Filter, compile_filters
from tidegate.handlers import Action, Rule
from tidegate_protocol import Principal

log = logging.getLogger("tidegate.rules")


def of_resources(contract: Contract, rules: Mapping[tuple[str, Action], Rule]) -> dict[str, RowAccess]:
    """All rules, by resource. Raises ConfigError for a rule about an unknown resource, and for an invalid value in
    `x-access`.
    """
    for resource, action in rules:
        if resource not in contract.resources:
            raise ConfigError(f"handlers: there is a rule for {action!r} of {resource!r}, which is no resource")
    return {
        name: RowAccess(
            resource=name,
            rules=_spelled(resource),
            convert=converters(resource),
            hooks={action: _hook(contract, name, rule) for (of, action), rule in rules.items() if of == name},
        )
        for name, resource in contract.resources.items()
    }


def _spelled(resource: Resource) -> dict[str, Any]:
    try:
        return canonical_rules(resource)
    except NotCanonical as error:
        raise ConfigError(f"x-access of {resource.name!r}: {error.pointer} is no {error.format}") from None


def _hook(contract: Contract, resource: str, rule: Rule) -> Hook:
    def hook(user: Principal, claims: Claims) -> Filter:
        try:
            said = rule(user, claims)
            if isinstance(said, bool):
                return EVERYTHING if said else NOTHING
            if not isinstance(said, Mapping):  # an empty list of filters is not the filter that everything meets
                raise TypeError(f"a rule says a filter, True or False, and not {type(said).__name__}")
            sent = hazards.read(msgspec.json.encode(said))  # as from a client: no NUL, no surrogates, no NaN
            return compile_filters(contract.filters(resource, sent))
        except (
            Exception
        ) as error:  # the boundary to the application's code: whatever fails there, the request is refused
            log.exception("the rule %s failed", rule.__qualname__, extra={"user": user.id, "resource": resource})
            raise Refused("internal", "a rule of the application failed; the gateway's log says why") from error

    return hook
