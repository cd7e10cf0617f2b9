"""One webhook as the settings have it: which events go where, signed with what.

It knows neither databases nor HTTP. Invariant: a hook that passed `check` can be used.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

ROW_EVENTS = ("row.created", "row.updated", "row.deleted", "row.reset")
"""What a change of the database is called. `row.reset`: a program emptied the whole table."""
LIFE_EVENTS = {
    "occupied": "room.occupied",
    "vacated": "room.vacated",
    "joined": "member.joined",
    "left": "member.left",
    "connected": "connected",
    "disconnected": "disconnected",
}
"""What happens to connections and rooms, by the gateway's words for it."""
EVENTS = (*LIFE_EVENTS.values(), *ROW_EVENTS)
PREFIX = "whsec_"
"""A secret with it is base64 (Standard Webhooks); one without it is text."""
SHORTEST_SECRET = 16


class HookError(ValueError):
    """A hook that cannot be used; the text says which and why."""


class Hook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table `[[hooks]]` of the settings file."""

    name: str
    """Names the hook in the log, in the database and in commands."""
    url: str
    events: tuple[str, ...]
    """Of `EVENTS`; a `*` stands for any characters at the end, as in `row.*`."""
    secret: str | None = None
    secret_file: str | None = None
    """A file with secrets, one a line: the first is the newest, and each signs."""
    resources: tuple[str, ...] = ()
    """Whose rows; none: all."""
    filter: dict[str, Any] = {}
    """Which rows of the one resource: a change counts where the row meets it before or afterwards."""
    rooms: tuple[str, ...] = ()
    """Names of rooms, with `*` at the end for any characters; none: all."""
    timeout: float = 10.0
    """Seconds that the receiver may take to answer."""

    @property
    def chosen(self) -> frozenset[str]:
        """The events by name."""
        return frozenset(event for event in EVENTS for pattern in self.events if fits(pattern, event))

    @property
    def wants_rows(self) -> bool:
        return not self.chosen.isdisjoint(ROW_EVENTS)

    def secrets(self) -> list[bytes]:
        """The keys of its signatures, the newest first. Raises HookError."""
        if self.secret_file is not None:
            try:
                lines = Path(self.secret_file).read_text(encoding="utf-8").split()
            except OSError as error:
                raise HookError(f"hook {self.name!r}: secret_file: {error.strerror}: {self.secret_file}") from None
        else:
            lines = [] if self.secret is None else [self.secret]
        if not lines:
            raise HookError(f"hook {self.name!r}: it has no secret: `openssl rand -base64 32` makes one")
        return [self._key(line) for line in lines]

    def _key(self, secret: str) -> bytes:
        try:
            key = (
                base64.b64decode(secret[len(PREFIX) :], validate=True) if secret.startswith(PREFIX) else secret.encode()
            )
        except binascii.Error:
            raise HookError(f"hook {self.name!r}: what follows {PREFIX} in a secret has to be base64") from None
        if len(key) < SHORTEST_SECRET:
            raise HookError(f"hook {self.name!r}: a secret must have at least {SHORTEST_SECRET} bytes")
        return key


def fits(pattern: str, name: str) -> bool:
    """Whether `name` is `pattern`, or begins like it where that ends with `*`."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def check(hooks: Sequence[Hook]) -> None:
    """Raises HookError for the first hook that cannot be used, as far as the settings alone say it."""
    names = set[str]()
    for hook in hooks:
        if not 0 < len(hook.name) <= 64 or not hook.name.isprintable() or hook.name in names:
            raise HookError(f"hook {hook.name!r}: a name has 1 to 64 printable characters, and no other hook has it")
        names.add(hook.name)
        try:
            url = urlsplit(hook.url)
            port_is_good = url.port is None or url.port > 0
            (url.hostname or "").encode("idna")
            is_written_out = re.search(r"[^!-~]", url.path + url.query) is None
        except ValueError:
            port_is_good = is_written_out = False
        if (
            not is_written_out
            or not port_is_good
            or url.scheme not in {"http", "https"}
            or not url.hostname
            or url.username is not None
        ):
            raise HookError(
                f"hook {hook.name!r}: url has to be http://HOST/... or https://HOST/..., without a password, "
                "and with %XX for characters that no URL has"
            )
        for pattern in hook.events:
            if not any(fits(pattern, event) for event in EVENTS):
                raise HookError(f"hook {hook.name!r}: there is no event {pattern!r}; there are: {', '.join(EVENTS)}")
        if not hook.events:
            raise HookError(f"hook {hook.name!r}: `events` is empty; there are: {', '.join(EVENTS)}")
        if hook.filter and len(hook.resources) != 1:
            raise HookError(f'hook {hook.name!r}: a filter needs one resource: resources = ["NAME"]')
        if hook.secret is not None and hook.secret_file is not None:
            raise HookError(f"hook {hook.name!r}: give it `secret` or `secret_file`, not both")
        if not 0 < hook.timeout <= 60:
            raise HookError(f"hook {hook.name!r}: timeout is more than 0 and at most 60 seconds")
        hook.secrets()
