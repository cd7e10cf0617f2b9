"""The certificate with which a gateway speaks TLS: read at the start, read again at a reload, and watched for its end.

Connections keep what they began with; new ones get the certificate of now. It knows neither sockets nor HTTP.
Invariant: a certificate that cannot be used never replaces one that is in use.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tidegate.setting_sources import ConfigError

log = logging.getLogger("tidegate")

DAY_S = 86400.0
WARN_S = 14 * DAY_S
"""How long before the end of a certificate the log says so, once a day."""
UTC_TIME, SEQUENCE, EXPLICIT_VERSION = 0x17, 0x30, 0xA0
"""Tags of ASN.1 (X.690)."""


class Certificate:
    """Of one gateway."""

    def __init__(self, cert: str, key: str | None, client_ca: str | None) -> None:
        """Paths of PEM files: the chain, its private key where `cert` does not have it too, and the certificates that
        sign those of clients, if clients need one. Raises ConfigError.
        """
        self._cert, self._key = cert, key
        self.context = _context(cert, key, client_ca)
        self._ends = end_of(cert)
        self._told: float | None = None

    def reload(self) -> None:
        """Read the files again. Raises ConfigError, and the certificate of before stays."""
        _context(self._cert, self._key, None)
        ends = end_of(self._cert)
        self.context.load_cert_chain(self._cert, self._key)
        self._ends, self._told = ends, None

    def look(self, now: Callable[[], float] = time.time) -> None:
        """Say once a day that the certificate ends soon. `now`: seconds since the Unix epoch."""
        left = self._ends - now()
        if left > WARN_S or (self._told is not None and now() - self._told < DAY_S):
            return
        self._told = now()
        end = datetime.fromtimestamp(self._ends, UTC).strftime("%Y-%m-%d %H:%M UTC")
        if left <= 0:
            log.error("the certificate of tls_cert ended at %s: no client that checks it can connect", end)
        else:
            log.warning(
                "the certificate of tls_cert ends in %d days, at %s; replace it, send SIGHUP", left // DAY_S, end
            )


def opened(cert: str | None, key: str | None, client_ca: str | None) -> Certificate | None:
    """What the settings say; None for no TLS. Raises ConfigError."""
    if cert is not None:
        return Certificate(cert, key, client_ca)
    if key is not None or client_ca is not None:
        raise ConfigError("tls_cert: has to be set where tls_key or tls_client_ca is")
    return None


def end_of(cert: str) -> float:
    """When the first certificate of a PEM file ends, in seconds since the Unix epoch. Raises ConfigError."""
    try:
        text = Path(cert).read_text(encoding="ascii")
        begin, end = text.index(ssl.PEM_HEADER), text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
        return _not_after(ssl.PEM_cert_to_DER_cert(text[begin:end]))
    except (OSError, ValueError, IndexError):
        raise ConfigError(f"tls_cert: {cert} has no certificate in PEM that can be read") from None


def _context(cert: str, key: str | None, client_ca: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    files = f"tls_cert, tls_key: {cert}" if key is None else f"tls_cert, tls_key: {cert} and {key}"
    try:
        # An encrypted key would make OpenSSL ask at the terminal.
        context.load_cert_chain(cert, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise ConfigError(
            f"{files} are no chain in PEM with its unencrypted key: {error.reason or 'unreadable'}"
        ) from None
    except OSError as error:
        raise ConfigError(f"{files}: {error.strerror}") from None
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except OSError as error:
            raise ConfigError(f"tls_client_ca: {client_ca}: {error.strerror or 'no certificate in PEM'}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _not_after(der: bytes) -> float:
    """`notAfter` of an X.509 certificate (RFC 5280, section 4.1). Raises ValueError and IndexError."""
    certificate = _content(der, 0)
    to_be_signed = _content(der, certificate[0])
    at = to_be_signed[0]
    if der[at] == EXPLICIT_VERSION:
        at = _content(der, at)[1]
    for _ in range(3):  # the serial number, the algorithm of the signature, the issuer
        at = _content(der, at)[1]
    if der[at] != SEQUENCE:
        raise ValueError("no validity")
    at = _content(der, _content(der, at)[0])[1]  # behind notBefore
    begin, end = _content(der, at)
    text = der[begin:end].decode("ascii")
    if der[at] == UTC_TIME:  # RFC 5280, section 4.1.2.5.1: 50 to 99 are of the last century
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the value at `at` begins and ends."""
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + count], "big"), begin + count
    if begin + length > len(der):
        raise ValueError("cut off")
    return begin, begin + length
