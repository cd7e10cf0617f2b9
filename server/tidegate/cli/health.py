"""`tidegate health`: ask a running gateway whether it is ready, for container health checks and for operators.

It asks over HTTP, as a load balancer does, and shares no code with the gateway. A health check runs every few seconds,
so this command imports few modules.
Invariant: it prints one line, and the exit code is 0 exactly when `/readyz` answers 200.
"""

from __future__ import annotations

import argparse
import sys
from urllib.parse import urlsplit

from tidegate import config
from tidegate.config import ConfigError

TIMEOUT_S = 3.0
LONGEST_ANSWER = 200
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # read, not listened on
"""Addresses to listen on that stand for every address, and the loopback address to ask in place of each."""
EPILOG = """\
examples:
  tidegate health
  tidegate health --url http://127.0.0.1:9000 --timeout 1
  tidegate health || systemctl restart tidegate

It asks /readyz, and /healthz if the gateway is not ready. The exit code is 0 if the gateway is ready, and 1 otherwise:
  not ready    the gateway runs, and /readyz says why it accepts no clients
  not alive    no gateway answers at this address
Without --url it asks the `host` and `port` of the settings, over loopback if the gateway listens on every address.
"""


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
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.timeout <= 0:
        raise ConfigError("--timeout: must be more than 0 seconds")
    url = address(args)
    try:
        status, answer = _ask(url, "/readyz", args.timeout)
        if status == 200:
            print(f"ready: {url}")
            return 0
        alive, _ = _ask(url, "/healthz", args.timeout)
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
    return _checked(args.url) if args.url else _from_settings(args)


def _from_settings(args: argparse.Namespace) -> str:
    settings = config.load(args)
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


def _ask(url: str, path: str, timeout: float) -> tuple[int, str]:
    """The status and the first line of the answer. Raises NotAlive."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection  # noqa: PLC0415  # only this command needs it

    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path + path, headers={"Connection": "close"})
        response = connection.getresponse()
        lines = response.read(LONGEST_ANSWER).decode("utf-8", "replace").splitlines()
        return response.status, lines[0] if lines else ""
    except TimeoutError:
        raise NotAlive(f"no answer within {timeout:g} s") from None
    except (OSError, HTTPException) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise NotAlive(reason) from None
    finally:
        connection.close()
