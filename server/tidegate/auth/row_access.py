"""Who may do what with which rows: `x-access` of the schema and the application's own rules, put together.

It knows where the parts come from; what they mean is decided in `core.access`.
Invariant: a rule of the application that fails, or returns what no client could ask for, admits no user.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import msgspec

from tidegate.application_threads import ApplicationThreads
from tidegate.config import ConfigError
from tidegate.contract import Contract, Resource, canonical_rules, converters, hazards
from tidegate.contract.canonical import NotCanonical
from tidegate.core.access.claims import Claims
from tidegate.core.access.rules import Hook, RowAccess
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING, NOTHING, Filter, compile_filters
from tidegate.handlers import Action, Rule, copied, name_of
from tidegate.handlers.rules import asked
from tidegate.reports import report, report_failure
from tidegate_protocol import Principal

SLOW_S = 0.1
"""A rule that takes longer is named in the log: the gateway's loop waits for rules."""
LIMIT_S = 1.0
"""A rule that takes longer has failed."""


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
    def hook(user: Principal, claims: Claims) -> Filter:
        begun = time.monotonic()
        try:
            said = threads.result(partial(_said, rule, user, claims), LIMIT_S)
            if isinstance(said, bool):
                return EVERYTHING if said else NOTHING
            return compile_filters(contract.filters(resource, said))
        except BaseException as error:  # the boundary to the application's code: whatever it raises, it is refused
            report_failure(f"the rule {name_of(rule)} failed for {resource!r}; the client gets `internal`", error)
            raise Refused("internal", "a rule of the application failed; the gateway's log says why") from None
        finally:
            if (took := time.monotonic() - begun) > SLOW_S:
                text = f"the rule {name_of(rule)} took {took:.1f} s, for which all clients waited"
                report(text, level=logging.WARNING)

    return hook


def _said(rule: Rule, user: Principal, claims: Claims) -> Any:
    """What the rule says: True, False, or filters as from a client. It gets copies, which it may change."""
    asked.set(True)
    said = rule(copied(user), deepcopy(claims))
    if isinstance(said, bool):
        return said
    if inspect.iscoroutine(said):
        said.close()
        raise TypeError("a rule is a plain function, and not an `async` one")
    if not isinstance(said, Mapping):  # an empty list of filters is not the filter that everything meets
        raise TypeError(f"a rule says a filter, True or False, and not {type(said).__name__}")
    return hazards.read(msgspec.json.encode(said))  # no NUL, no surrogates, no NaN
