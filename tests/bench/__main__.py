"""`make bench-targets`: holds costs against targets. Sections: transport (compared with websockets' own server),
contract, rows, durable (rooms in the database), http (requests over HTTP, compared with the same over WebSockets),
valkey and postgres (rooms over these engines, compared with rooms in memory),
workers (two and their hub, compared with one process).

All figures come from this run on this machine. Ratios are stable on a noisy machine, absolute figures are not.
"""

from __future__ import annotations

import argparse
import platform
import resource
import sys
from collections.abc import Callable
from functools import partial

from tests.bench import contract, durable, engine_servers, engines, http, rows, transport, workers

SECTIONS: dict[str, Callable[[int, float, bool], bool]] = {
    "transport": transport.run,
    "contract": contract.run,
    "rows": rows.run,
    "durable": durable.run,
    "http": http.run,
    "valkey": partial(engines.run, engine_servers.valkey),
    "postgres": partial(engines.run, engine_servers.postgres),
    "workers": workers.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)} (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="times each measure is taken (default: 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="length of each run, 1 is the default")
    parser.add_argument("--judge", action="store_true", help="exit 1 when a figure misses its target")
    args = parser.parse_args()
    unknown = set(args.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    print(f"{platform.machine()}, Python {platform.python_version()}, {platform.system()} {platform.release()}")
    good = [SECTIONS[name](args.runs, args.scale, args.judge) for name in args.sections or SECTIONS]
    return 0 if all(good) or not args.judge else 1


if __name__ == "__main__":
    sys.exit(main())
