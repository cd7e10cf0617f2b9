"""What the process that started the gateway has given it: sockets of systemd, or a place among workers.

It opens the listener, on those sockets or on an address of the settings.
"""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from tidegate import admission
from tidegate.config import ConfigError, Settings
from tidegate.core.budgets.addresses import Addresses
from tidegate.hub.connector import Hub
from tidegate.tls import Certificate
from tidegate.transport import Connection, ConnectionContext, ConnectionHandler, Listener, Tickers
from tidegate.workers.member import Member


@dataclass(frozen=True, slots=True)
class Start:
    """Without anything, the gateway was started by hand."""

    sockets: list[socket.socket] = field(default_factory=list)
    """Listening sockets; none: those of `host` and `port` are made."""
    member: Member | None = None
    """This process as its supervisor knows it; None where there is none."""
    certificate: Certificate | None = None
    """None for no TLS."""
    reread: Callable[[], Settings] | None = None
    """Reads the settings again, for a reload in this process; raises ConfigError. None where a reload replaces it."""

    @property
    def hub(self) -> Hub | None:
        """Who follows the change log for this worker; None where there is one process."""
        if self.member is None or self.member.place.hub is None:
            return None
        return Hub(self.member.place.hub, secrets.token_hex(8))

    def addresses(self, settings: Settings) -> Addresses:
        """The limits by address, which workers keep together."""
        if self.member is None:
            return admission.addresses(settings)
        return admission.addresses(settings, self.member.together(), self.member.place.count)

    async def listener(
        self, context: ConnectionContext, handler: ConnectionHandler[Connection], tickers: Tickers, settings: Settings
    ) -> Listener:
        """Accept connections. Raises ConfigError."""
        tls = None if self.certificate is None else self.certificate.context
        if self.sockets:
            return Listener.over(context, handler, tickers, self.sockets, tls=tls)
        try:
            return await Listener.open(context, handler, tickers, settings.host, settings.port, tls=tls)
        except OSError as error:
            raise cannot_listen(settings, error) from None


def cannot_listen(settings: Settings, error: OSError) -> ConfigError:
    why = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
    return ConfigError(f"cannot listen on {settings.host}:{settings.port}: {why}; --port 0 takes a free port")
