"""The operating system's limit of open files: each connection needs one, and many systems allow 1,024.

It raises the soft limit of this process as far as the hard limit allows. One warning says what only an administrator
can change. Of the gateway it knows `max_connections` and nothing else.
Invariant: it never lowers a limit and never stops the gateway.
"""

from __future__ import annotations

import logging
import resource

log = logging.getLogger("tidegate")

SPARE = 100
"""Files other than connections: the database, the change log, spools of snapshots, the listening socket."""


def allow(max_connections: int) -> None:
    """Let this process open `max_connections` sockets, or warn about how many it can open."""
    needed = max_connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _enough(soft, needed):
        return
    wanted = needed if _enough(hard, needed) else hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    except (OSError, ValueError):
        pass  # macOS and some sandboxes refuse a limit that the hard limit allows; the warning below follows
    if not _enough(soft, needed):
        log.warning(
            "the limit of open files is %d, but max_connections = %d needs %d: raise the limit (`ulimit -n %d`, or "
            "LimitNOFILE in a systemd unit), or set max_connections to %d",
            soft,
            max_connections,
            needed,
            needed,
            max(1, soft - SPARE),
        )


def _enough(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
