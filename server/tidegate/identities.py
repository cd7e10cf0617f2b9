"""Puts together what checks tokens, from the settings: keys, what tokens have to claim, and where they claim it.

Invariant: a gateway that starts can read each of its keys; a mistake in the settings is a ConfigError.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from tidegate.auth import keys
from tidegate.auth.claims import Place, Places
from tidegate.auth.jwks import PublishedKeys
from tidegate.auth.keys import BothKeys, FixedKeys, Key, KeyProblem, Keys
from tidegate.auth.tokens import TokenIdentities
from tidegate.auth.user_tokens import TokenRules, UserTokens
from tidegate.config import ConfigError, Settings
from tidegate.core.errors import Refused
from tidegate.core.identities import IDENTITY_LIFE_S
from tidegate.core.revocations import Revocations
from tidegate.gateway.removal import Removal
from tidegate.store.revocation_log import StoredRevocations

PLACES = ("id", "name", "roles", "audience")
"""What `claims` can say the place of, besides claims for rules."""
NOT_CLAIMS = frozenset({"anonymous", "exp", "nbf", "iat", "jti"})
"""Names that rules have for something else, and claims that differ from token to token."""

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The keys of one gateway."""

    keys: Keys | None
    """None where no tokens are taken."""
    published: PublishedKeys | None
    """Fetched in a thread: to be started and closed."""


def token_keys(settings: Settings) -> TokenKeys:
    """The keys that the settings name. Raises ConfigError."""
    fixed = [Key("HS256", secret.encode()) for secret in _secrets(settings)]
    fixed += [_read("keys", partial(keys.public_key, path)) for path in settings.keys]
    own = FixedKeys(fixed) if fixed else None
    if settings.jwks is None:
        return TokenKeys(own, None)
    if not settings.audiences or not settings.issuers:
        raise ConfigError(
            "jwks: needs `audience` and `issuer` too: the login server signs tokens for other programs as well"
        )
    _read("jwks", keys.check_package)
    published: PublishedKeys = _read("jwks", lambda: PublishedKeys(settings.jwks or ""))
    return TokenKeys(published if own is None else BothKeys(own, published), published)


def rules(settings: Settings) -> TokenRules:
    """What tokens have to claim. Raises ConfigError."""
    places = {name: _place(name, place) for name, place in settings.claims.items()}
    own = {name: places.pop(name) for name in PLACES if name in places}
    wrong = sorted(NOT_CLAIMS & places.keys())
    if wrong:
        raise ConfigError(f"claims: {wrong[0]!r} is no name that rules can have for a claim")
    return TokenRules(
        audience=settings.audiences,
        issuer=settings.issuers,
        leeway=settings.leeway,
        longest=settings.token_life,
        places=Places(**own, others=places),
    )


def check(settings: Settings) -> None:
    """Raises ConfigError for settings with which a gateway could not check tokens."""
    token_keys(settings)
    rules(settings)


class Opened(NamedTuple):
    """All that a gateway needs to know who its clients are."""

    identities: TokenIdentities
    revocations: Revocations
    authenticate_within: float | None
    """The seconds that a client without a token has; None where it may stay anonymous."""
    ends: Sequence[Callable[[], None]]
    """To be called at the end."""


def opened(settings: Settings, identity_secret: str, clock: Callable[[], float]) -> Opened:
    """As the settings say; published keys are fetched from now on. Raises ConfigError."""
    of_tokens = token_keys(settings)
    known = identities(settings, of_tokens, identity_secret, clock)
    ends: list[Callable[[], None]] = []
    if of_tokens.published is not None:
        of_tokens.published.start()
        ends.append(of_tokens.published.close)
    within = None if settings.anonymous else settings.authenticate_timeout
    return Opened(known, Revocations(max(settings.token_life, IDENTITY_LIFE_S)), within, ends)


async def keep_revocations(removal: Removal, settings: Settings, clock: Callable[[], float]) -> None:
    """Keep what is revoked in the gateway's database, and know what was revoked before. Raises ConfigError."""
    try:
        await removal.keep_in(StoredRevocations(settings.database, clock))
    except Refused as refused:
        raise ConfigError(f"database: what was revoked cannot be read: {refused.__cause__}") from None


def identities(
    settings: Settings, of_tokens: TokenKeys, identity_secret: str, clock: Callable[[], float] = time.time
) -> TokenIdentities:
    """What checks the tokens of a gateway. `identity_secret`: signs those of anonymous clients. Raises ConfigError."""
    users = None if of_tokens.keys is None else UserTokens(of_tokens.keys, rules(settings), clock)
    return TokenIdentities(
        users, identity_secret, clock, identity_max_age=settings.identity_max_age, anonymous=settings.anonymous
    )


def users(settings: Settings, clock: Callable[[], float] = time.time) -> UserTokens | None:
    """What checks tokens with the keys of the settings alone; None where there are none. Raises ConfigError."""
    found = token_keys(settings).keys
    return None if found is None else UserTokens(found, rules(settings), clock)


def signing_secret(settings: Settings) -> str | None:
    """The secret with which tokens are signed here; None without one. Raises ConfigError."""
    return next(iter(_secrets(settings)), None)


def _secrets(settings: Settings) -> list[str]:
    if settings.secret_file is None:
        return [] if settings.token_secret is None else [settings.token_secret]
    if settings.secret is not None:
        raise ConfigError("secret_file: there is `secret` as well; put it into the file, in a line for itself")
    path = settings.secret_file
    return _read("secret_file", lambda: keys.secrets_of(path))


def _place(name: str, place: Place) -> Place:
    steps = place.split(".") if isinstance(place, str) else place
    if not name or not steps or not all(steps):
        raise ConfigError(
            f"claims: {name!r} must be the name of a claim, a path with dots, or a list with the steps of a path"
        )
    return place


def _read(name: str, read: Callable[[], Read]) -> Read:
    try:
        return read()
    except KeyProblem as problem:
        raise ConfigError(f"{name}: {problem}") from None
