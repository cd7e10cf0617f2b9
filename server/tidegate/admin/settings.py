"""What the setting `admin` means, and whether it is safe. Raises ValueError with what is valid."""

from __future__ import annotations

from pathlib import Path

UNIX = "unix:"
SHORTEST_SECRET = 32
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def place_of(admin: str) -> tuple[str, int]:
    """Host and port of an address that is no Unix socket."""
    host, _, port = admin.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # ports
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8788, or unix:/absolute/path")
    return host.strip("[]"), int(port)


def check(admin: str | None, secret: str | None, *, dev: bool) -> None:
    """`secret`: what operators send; None for none."""
    if not admin:
        return
    if admin.startswith(UNIX):
        if not Path(admin.removeprefix(UNIX)).is_absolute():
            raise ValueError("the path of a Unix socket must be absolute: unix:/run/tidegate/admin")
        return
    host, _ = place_of(admin)
    if secret is None and not (dev and host in LOOPBACK):
        raise ValueError(f"{admin} needs admin_secret or admin_secret_file; a Unix socket needs none")


def secret_of(secret: str | None, file: str | None) -> str | None:
    """The secret itself or that in `file`; None for none."""
    if file is not None:
        if secret is not None:
            raise ValueError("set admin_secret or admin_secret_file, not both")
        try:
            secret = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"admin_secret_file: {error}") from None
    if secret is not None and len(secret) < SHORTEST_SECRET:
        raise ValueError(
            f"the secret must have at least {SHORTEST_SECRET} characters; `openssl rand -hex 32` makes one"
        )
    return secret
