"""The settings about who clients are: keys of tokens, what tokens have to claim, and clients without a token.

`config.Settings` has them beside the others. What they mean together is checked where the keys are read (`identities`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from tidegate.edge_settings import EdgeSettings
from tidegate.operating_settings import about as _about

LONGEST_S = 315_576_000
"""Ten years."""
Place = str | tuple[str, ...]


class IdentitySettings(EdgeSettings, frozen=True, kw_only=True):
    """A part of one gateway's settings, and those of the edge: a Struct has one base."""

    secret: Annotated[
        str | None,
        _about("Secret that signs and checks tokens (HS256), at least 32 characters."),
    ] = None
    secret_file: Annotated[
        str | None,
        _about("File with secrets instead, one in each line: the first signs, all of them check."),
    ] = None
    keys: Annotated[
        tuple[str, ...],
        _about("PEM files with public keys that check tokens: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA)."),
    ] = ()
    jwks: Annotated[
        str | None,
        _about("URL at which a login server publishes its keys; it needs `audience` and `issuer`."),
    ] = None
    audience: Annotated[
        str | tuple[str, ...],
        _about("What tokens are for (`aud`): one of these. Without any: tokens must name none."),
    ] = ()
    issuer: Annotated[
        str | tuple[str, ...],
        _about("Who gives tokens (`iss`): one of these. Without any: `iss` is not looked at."),
    ] = ()
    leeway: Annotated[
        float,
        _about("Seconds that the clock of the login server may be away from the gateway's."),
        msgspec.Meta(ge=0, le=300),
    ] = 0.0
    token_life: Annotated[
        float,
        _about("Seconds until the end of a token, at most; every token must have an end (`exp`)."),
        msgspec.Meta(gt=0, le=LONGEST_S),
    ] = 2_592_000.0
    claims: Annotated[
        Mapping[str, Place],
        _about("Where tokens have `id`, `name`, `roles`, `audience` and claims for rules: a claim, or a path to it."),
    ] = {}
    anonymous: Annotated[
        bool,
        _about("Whether clients without a token are let in; otherwise they have to authenticate first."),
    ] = True
    authenticate_timeout: Annotated[
        float,
        _about("Seconds in which a client that has to authenticate must do so."),
        msgspec.Meta(gt=0, le=3600),
    ] = 10.0
    identity_max_age: Annotated[
        float,
        _about("Seconds that an anonymous client may stay the same user, from its first connection on; 0: not at all."),
        msgspec.Meta(ge=0, le=LONGEST_S),
    ] = 2_592_000.0

    @property
    def audiences(self) -> tuple[str, ...]:
        return (self.audience,) if isinstance(self.audience, str) else self.audience

    @property
    def issuers(self) -> tuple[str, ...]:
        return (self.issuer,) if isinstance(self.issuer, str) else self.issuer
