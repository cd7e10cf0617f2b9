"""A reload within one process: at SIGHUP it takes what settings can change while it serves. No connection is lost.

Pages and names, rates, keys, the log level, and the certificate. Workers are replaced instead (`workers.reload`).
Invariant: where the settings or the certificate of now are wrong, everything stays as it was, and the log says why.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import msgspec

from tidegate import admission, identities, systemd
from tidegate.auth.tokens import TokenIdentities
from tidegate.auth.user_tokens import UserTokens
from tidegate.config import ConfigError, Settings
from tidegate.core.budgets.addresses import Addresses
from tidegate.start import Start
from tidegate.transport import ConnectionContext

log = logging.getLogger("tidegate")

PAGES = frozenset({"origins", "hosts"})
RATES = frozenset({"rate", "rate_bytes", "address_connects", "address_connections", "token_attempts"})
KEYS = frozenset({"secret", "secret_file", "keys", "audience", "issuer", "leeway", "token_life", "claims"})
LOG = frozenset({"log_level"})
TAKEN = PAGES | RATES | KEYS | LOG
"""The settings that a reload takes. Published keys (`jwks`) are fetched again by themselves."""


@dataclass(slots=True)
class Reloading:
    """Of one process."""

    settings: Settings
    """Those that hold."""
    start: Start
    context: ConnectionContext
    book: Addresses
    identities: object
    """What checks tokens."""

    def reload(self) -> None:
        """Take what the settings and the files are now; to be called in the event loop."""
        if self.start.reread is None:
            log.info("SIGHUP: this process does not reload; restart it, or send the signal to the supervisor")
            return
        systemd.notify(systemd.reloading())
        try:
            self._take(self.start.reread())
        except ConfigError as error:
            log.error("the reload is given up: %s; the gateway goes on as it is", error)
        systemd.notify(systemd.READY)

    def _take(self, after: Settings) -> None:
        before = self.settings
        changed = {name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)}
        restart = changed - TAKEN
        users = self._users(after)
        if users is None and changed & KEYS:
            restart |= changed & KEYS
        if self.start.certificate is not None:
            self.start.certificate.reload()
        # Nothing below fails.
        self.context.settings = msgspec.structs.replace(self.context.settings, **_pages(after))
        self.book.limit(admission.limits(after), self.context.now())
        if users is not None and isinstance(self.identities, TokenIdentities):
            self.identities.use(users)
        logging.getLogger().setLevel(after.log_level.upper())
        taken = {name: getattr(after, name) for name in changed - restart}
        self.settings = msgspec.structs.replace(before, **taken)
        log.info(
            "reloaded: %s", ", ".join(sorted(taken)) or "no setting changed; keys and certificates were read again"
        )
        if restart:
            log.warning("a reload does not take these settings; restart the gateway for %s", ", ".join(sorted(restart)))

    def _users(self, after: Settings) -> UserTokens | None:
        """What checks tokens with the keys of now; None where keys are published, or there were none or are none."""
        if after.jwks is not None or self.settings.jwks is not None:
            return None
        return identities.users(after)


def _pages(settings: Settings) -> dict[str, object]:
    chosen = admission.transport(settings)
    return {"origins": chosen.origins, "hosts": chosen.hosts}
