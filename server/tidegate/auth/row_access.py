"""Who may do what with which rows: `x-access` of the schema and the application's own rules, put together.

It knows where the parts come from; what they mean is decided in `core.access`.
Invariant: a rule of the application that fails, or returns what no client could ask for, admits no user.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import msgspec

from tidegate.application_threads import ApplicationThreads
from tidegate.auth.rule_calls import called, said_by
from tidegate.config import ConfigError
from tidegate.contract import Contract, Resource, canonical_rules, claim_defaults, converters, hazards
from tidegate.contract.canonical import NotCanonical
from tidegate.core.access.claim_defaults import ClaimDefault
from tidegate.core.access.claims import Claims
from tidegate.core.access.rules import Hook, RowAccess
from tidegate.core.filters.tree import EVERYTHING, NOTHING, Filter, compile_filters
from tidegate.handlers import Action, Rule, copied, name_of
from tidegate_protocol import Principal


def of_resources(contract: Contract, rules: Mapping[tuple[str, Action], Rule]) -> dict[str, RowAccess]:
    """All rules, by resource. Raises ConfigError for a rule about an unknown resource, and for an invalid value in
    `x-access`.
    """
    for resource, action in rules:
        if resource not in contract.resources:
            raise ConfigError(f"handlers: there is a rule for {action!r} of {resource!r}, which is no resource")
    threads = ApplicationThreads()
    return {
        name: RowAccess(
            resource=name,
            rules=_spelled(resource),
            convert=converters(resource),
            defaults={prop: ClaimDefault(*filled) for prop, filled in claim_defaults(resource).items()},
            hooks={action: _hook(contract, name, rule, threads) for (of, action), rule in rules.items() if of == name},
        )
        for name, resource in contract.resources.items()
    }


def _spelled(resource: Resource) -> dict[str, Any]:
    try:
        return canonical_rules(resource)
    except NotCanonical as error:
        raise ConfigError(f"x-access of {resource.name!r}: {error.pointer} is no {error.format}") from None


def _hook(contract: Contract, resource: str, rule: Rule, threads: ApplicationThreads) -> Hook:
    def filtered(said: Any) -> Filter:
        if isinstance(said, bool):
            return EVERYTHING if said else NOTHING
        return compile_filters(contract.filters(resource, said))

    def hook(user: Principal, claims: Claims) -> Filter:
        return called(threads, name_of(rule), resource, partial(_said, rule, user, claims), filtered)

    return hook


def _said(rule: Rule, user: Principal, claims: Claims) -> Any:
    """What the rule says: True, False, or filters as from a client. It gets copies, which it may change."""
    said = said_by(rule, copied(user), deepcopy(claims))
    if isinstance(said, bool):
        return said
    if not isinstance(said, Mapping):  # an empty list of filters is not the filter that everything meets
        raise TypeError(f"a rule says a filter, True or False, and not {type(said).__name__}")
    return hazards.read(msgspec.json.encode(said))  # no NUL, no surrogates, no NaN
