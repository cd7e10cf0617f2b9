"""The operating system's limit of open files: each connection needs one, and many systems allow 1,024.

It raises the soft limit of this process to the hard limit, and says how many connections fit. One warning says what
only an administrator can change. Of the gateway it knows `max_connections` and nothing else.
Invariant: it never lowers a limit and never stops the gateway.
"""

from __future__ import annotations

import contextlib
import logging
import resource

log = logging.getLogger("tidegate")

SPARE = 164
"""Files other than connections: the database, the change log, spools of snapshots, the listening socket; and 64 for
clients that are refused when the door is full."""
LEAST_SHARE = 4
"""Where the limit is very low, this part of it is for connections."""


def fit(max_connections: int) -> int:
    """Let this process open as many files as it may. Returns how many connections fit, at most `max_connections`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max_connections + SPARE if hard == resource.RLIM_INFINITY else hard
    if not _enough(soft, wanted):
        # macOS and some sandboxes refuse a limit that the hard limit allows; `warn` follows.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return _fitting(max_connections)


def warn(max_connections: int) -> None:
    """Say so where fewer connections fit. `fit` was called before."""
    fitting, soft = _fitting(max_connections), resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if fitting < max_connections:
        log.warning(
            "the limit of open files is %d, but max_connections = %d needs %d: the gateway takes %d connections. Raise "
            "the limit (`ulimit -n %d`, or LimitNOFILE in a systemd unit), or set max_connections to %d",
            soft,
            max_connections,
            max_connections + SPARE,
            fitting,
            max_connections + SPARE,
            fitting,
        )


def _fitting(max_connections: int) -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if _enough(soft, max_connections + SPARE):
        return max_connections
    return min(max_connections, max(soft - SPARE, soft // LEAST_SHARE, 1))


def _enough(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
