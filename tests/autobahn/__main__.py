"""`python -m tests.autobahn`: the Autobahn test suite against a server made of the gateway's transport.

Prints the counts of its verdicts, and each case whose verdict is not as expected or known. Exits with 1 where a verdict
is not expected, or where the whole suite has other counts than expected.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter

from tests.autobahn.echo import echoing
from tests.autobahn.expected import KNOWN, miscounted, unexpected
from tests.autobahn.suites import Verdict, original, port, python27

ALL = "*"


async def play(python: str | None, cases: list[str], *, compression: bool) -> list[Verdict]:
    async with echoing(compression=compression) as url:
        return await (port(url, cases) if python is None else original(python, url, cases))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.autobahn",
        description=__doc__,
        epilog="example: python -m tests.autobahn --cases '1.*,7.1.5'",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", default=ALL, help="cases to run, with commas between them (default: all)")
    parser.add_argument("--without-compression", action="store_true", help="the server takes no offer to compress")
    parser.add_argument("--python27", help="a Python 2.7 (default: python2.7 of the PATH or of pyenv)")
    parser.add_argument(
        "--port", action="store_true", help="run the cases with kosoku even where there is a Python 2.7"
    )
    args = parser.parse_args()
    python = None if args.port else python27(args.python27)
    if python is None and args.python27:
        parser.error(f"{args.python27} is no Python 2.7 with pip")
    compression = not args.without_compression
    suite = "with kosoku" if python is None else f"the original, with {python}"
    print(f"Autobahn test suite, {suite}, {'with' if compression else 'without'} compression", flush=True)
    verdicts = asyncio.run(play(python, args.cases.split(","), compression=compression))
    counts = Counter(each.messages for each in verdicts)
    print(f"{len(verdicts)} cases: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    wrong = unexpected(verdicts, compression=compression)
    for each in verdicts:
        if each in KNOWN or each in wrong:
            print(f"{each.case}: {each.messages}, close {each.close}: {KNOWN.get(each, 'NOT EXPECTED')}")
    other = miscounted(verdicts) if args.cases == ALL else []
    print("".join(f"NOT EXPECTED: {each}\n" for each in other), end="")
    return 1 if not verdicts or wrong or other else 0


if __name__ == "__main__":
    sys.exit(main())
