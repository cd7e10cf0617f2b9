"""What the claims of a proved token say: the user, the roles, and the claims that rules may name.

Providers of identities use other names for the same things, and nest them. `Places` says where each is.
Invariant: a user of a token never has an anonymous id, nor one of the gateway's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tidegate.auth.texts import ID_LIMIT, proper_id, proper_name, sendable
from tidegate.core.identities import RESERVED_PREFIX, Proof, TokenRefused, VerifiedIdentity
from tidegate_protocol import Principal

ANONYMOUS_PREFIX = "anon-"
MOST_ROLES, LONGEST_ROLE = 64, 64
"""As schema/types/principal has them."""
OF_THE_TOKEN = frozenset({"exp", "nbf", "iat", "jti"})
"""Claims that differ from token to token (RFC 7519, 4.1)."""
SPACED = frozenset({"scope", "scp"})
"""Claims whose text is a list with spaces (RFC 8693, section 4.2)."""

Place = str | tuple[str, ...]
"""A claim's name, a path with dots (`realm_access.roles`), or the steps of a path where a name has dots itself."""


class Places(msgspec.Struct, frozen=True):
    """Where a token says what."""

    id: Place = "sub"
    name: Place = "name"
    roles: Place | None = None
    """None: in `roles`, or in `role`."""
    audience: Place = "aud"
    others: Mapping[str, Place] = {}
    """Further claims by the names that rules use."""


def value(claims: Mapping[str, Any], place: Place) -> Any:
    """The value at `place`; None where there is none. A claim with exactly that name comes before a path."""
    if isinstance(place, str):
        if place in claims:
            return claims[place]
        place = tuple(place.split("."))
    found: Any = claims
    for step in place:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def identity(claims: Mapping[str, Any], places: Places, expires_at: float, proof: Proof) -> VerifiedIdentity:
    """The user that proved `claims` name. Raises TokenRefused."""
    user_id = value(claims, places.id)
    if not isinstance(user_id, str) or not proper_id(user_id):
        where = _shown(places.id)
        text = (
            f"the claim {where} is not an id that a user may have: 1 to {ID_LIMIT} characters, none of them invisible"
        )
        raise TokenRefused("claim", text)
    if user_id.startswith((ANONYMOUS_PREFIX, RESERVED_PREFIX)):
        raise TokenRefused("claim", f"the claim {_shown(places.id)} begins as only ids of the gateway begin")
    named = value(claims, places.name)
    name = proper_name(named) if isinstance(named, str) else ""
    user = Principal(id=user_id, name=name or user_id, roles=_roles(claims, places), anonymous=False)
    return VerifiedIdentity(user, expires_at, _lasting(claims, places), proof)


def _roles(claims: Mapping[str, Any], places: Places) -> list[str]:
    """Raises TokenRefused for more, or longer ones, than the protocol carries."""
    place = places.roles
    if place is None:
        place = "roles" if "roles" in claims else "role"
    named = value(claims, place)
    last = place if isinstance(place, str) else place[-1]
    if isinstance(named, str) and last.rpartition(".")[2] in SPACED:
        named = named.split()
    listed: Sequence[Any] = named if isinstance(named, list) else [named]
    roles = [sendable(role) for role in listed if isinstance(role, str)]
    if len(roles) > MOST_ROLES or any(len(role) > LONGEST_ROLE for role in roles):
        limits = f"more than {MOST_ROLES} roles, or one with more than {LONGEST_ROLE} characters"
        raise TokenRefused("claim", f"the claim {_shown(place)} has {limits}")
    return roles


def _lasting(claims: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """The claims about the user, without those about this token alone: a renewed token has the same."""
    kept = {name: found for name, found in claims.items() if name not in OF_THE_TOKEN}
    for name, place in places.others.items():
        found = value(claims, place)
        if found is not None:
            kept[name] = found
        else:
            kept.pop(name, None)  # only what the setting names may stand under this name
    return kept


def _shown(place: Place) -> str:
    return f"`{place}`" if isinstance(place, str) else f"`{'.'.join(place)}`"
