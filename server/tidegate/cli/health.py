"""`tidegate health`: ask a running gateway whether it is ready, for container health checks and for operators.

It asks over HTTP, as a load balancer does, and shares no code with the gateway. A health check runs every few seconds,
so this command imports few modules.
Invariant: it prints one line, and the exit code is 0 exactly when `/readyz` answers 200.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from tidegate import config
from tidegate.config import ConfigError

if TYPE_CHECKING:
    from ssl import SSLContext

TIMEOUT_S = 3.0
LONGEST_ANSWER = 200
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # read, not listened on
"""Addresses to listen on that stand for every address, and the loopback address to ask in place of each."""
EPILOG = """\
examples:
  tidegate health
  tidegate health --url http://127.0.0.1:9000 --timeout 1
  tidegate health --url https://app.example.com --ca authority.pem --cert probe.pem --key probe.key
  tidegate health || systemctl restart tidegate

It asks /readyz, and /healthz if the gateway is not ready. The exit code is 0 if the gateway is ready, and 1 otherwise:
  not ready    the gateway runs, and /readyz says why it accepts no clients
  not alive    no gateway answers at this address
Without --url it asks the `host` and `port` of the settings, over loopback if the gateway listens on every address.
With TLS it then checks no certificate, because the address is one of this machine, and shows the gateway's certificate
where clients need one (`tls_client_ca`). With --url it checks the certificate of the gateway, and its name.
"""
WANTS_CERTIFICATE = "where its tls_client_ca is set, show a certificate that this signed: --cert FILE --key FILE"


class Tls(NamedTuple):
    """PEM files for a gateway that speaks TLS. `checked`: whether it has to prove that it has its address's name."""

    checked: bool
    ca: str | None = None
    """Who signed the gateway's certificate; None for the authorities that this machine trusts."""
    cert: str | None = None
    key: str | None = None
    """Of the client's certificate; None where `cert` has it, too."""

    def context(self) -> SSLContext:
        """Raises ConfigError where a file cannot be used."""
        import ssl  # noqa: PLC0415  # only for a gateway with TLS

        try:
            context = ssl.create_default_context(cafile=self.ca)
            if not self.checked:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        except OSError as error:
            raise ConfigError(f"--ca: {self.ca}: {error.strerror or 'no certificate in PEM'}") from None
        if self.cert is not None:
            try:
                # An encrypted key would make OpenSSL ask at the terminal.
                context.load_cert_chain(self.cert, self.key, password=lambda: b"")
            except ssl.SSLError as error:
                raise ConfigError(f"{self.cert}: no certificate with its unencrypted key: {error.reason}") from None
            except OSError as error:
                raise ConfigError(f"{self.cert}, {self.key or 'no key'}: {error.strerror}") from None
        return context


class NotAlive(Exception):
    """No gateway answers; the text says why."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "health",
        help="ask a running gateway whether it is ready",
        description="Ask a running gateway whether it is ready for clients.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", metavar="URL", help="address of the gateway (default: from the settings)")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT_S, metavar="SECONDS", help="how long to wait (default: %(default)s)"
    )
    parser.add_argument(
        "--config", metavar="FILE", help=f"settings file (default: ./{config.CONFIG_FILE} if it exists)"
    )
    parser.add_argument("--ca", metavar="FILE", help="PEM file: who signed the gateway's certificate, with --url")
    parser.add_argument("--cert", metavar="FILE", help="PEM file: the certificate to show to the gateway")
    parser.add_argument("--key", metavar="FILE", help="PEM file: the key of --cert, if that does not have it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.timeout <= 0:
        raise ConfigError("--timeout: must be more than 0 seconds")
    url, tls = _asked(args)
    context = tls.context() if url.startswith("https:") else None
    try:
        status, answer = _ask(url, "/readyz", args.timeout, context)
        if status == 200:
            print(f"ready: {url}")
            return 0
        alive, _ = _ask(url, "/healthz", args.timeout, context)
    except NotAlive as error:
        print(f"not alive: {url}: {error}", file=sys.stderr)
        return 1
    if alive == 200 and status == 503:
        print(f"not ready: {url}: {answer}", file=sys.stderr)
    else:
        print(
            f"not alive: {url}: not a Tidegate gateway: /readyz answers {status} and /healthz {alive}",
            file=sys.stderr,
        )
    return 1


def address(args: argparse.Namespace) -> str:
    """The address of `--url`, without a slash at its end, or that of the settings. Raises ConfigError."""
    return _checked(args.url) if args.url else _of(args, config.load(args))


def _asked(args: argparse.Namespace) -> tuple[str, Tls]:
    """The address, and how to speak TLS with it. Raises ConfigError."""
    if args.key and not args.cert:
        raise ConfigError("--key: goes with --cert")
    if args.url:
        return _checked(args.url), Tls(True, args.ca, args.cert, args.key)
    if args.ca:
        raise ConfigError("--ca: goes with --url; without it no certificate of the gateway is checked")
    settings = config.load(args)
    url = _of(args, settings)
    if args.cert or settings.tls_client_ca is None:
        return url, Tls(False, None, args.cert, args.key)
    return url, Tls(False, None, settings.tls_cert, settings.tls_key)


def _of(args: argparse.Namespace, settings: config.Settings) -> str:
    if settings.port == 0:
        raise ConfigError(
            f"{args.command}: `port` is 0 (any free port), so the port of the gateway is unknown here; give --url"
        )
    host = ANY_ADDRESS.get(settings.host, settings.host)
    scheme = "http" if settings.tls_cert is None else "https"
    return f"{scheme}://[{host}]:{settings.port}" if ":" in host else f"{scheme}://{host}:{settings.port}"


def _checked(url: str) -> str:
    """`url` without a slash at its end. Raises ConfigError if it is not an HTTP address."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises ValueError
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"--url: must be an address such as http://127.0.0.1:8787, not {url!r}")
    return url.rstrip("/")


def _ask(url: str, path: str, timeout: float, tls: SSLContext | None) -> tuple[int, str]:
    """The status and the first line of the answer. Raises NotAlive."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection  # noqa: PLC0415  # only this command needs it

    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        HTTPConnection(host, port, timeout=timeout)
        if tls is None
        else HTTPSConnection(host, port, timeout=timeout, context=tls)
    )
    try:
        connection.request("GET", parts.path + path, headers={"Connection": "close"})
        response = connection.getresponse()
        lines = response.read(LONGEST_ANSWER).decode("utf-8", "replace").splitlines()
        return response.status, lines[0] if lines else ""
    except TimeoutError:
        raise NotAlive(f"no answer within {timeout:g} s") from None
    except (OSError, HTTPException) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        # A server may end the connection without the alert of TLS that says what it misses.
        ended = isinstance(error, ConnectionResetError | BrokenPipeError) or "alert" in reason.lower()
        raise NotAlive(f"{reason}; {WANTS_CERTIFICATE}" if tls is not None and ended else reason) from None
    finally:
        connection.close()
