"""`python -m tests.autobahn`: the Autobahn test suite against a server made of the gateway's transport.

Prints the counts of its verdicts, and each case whose verdict is not OK. Exits with 1 where such a verdict is unknown.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter

from tests.autobahn.echo import echoing
from tests.autobahn.expected import FINE, KNOWN, unexpected
from tests.autobahn.suites import Verdict, original, port, python27


async def play(python: str | None, cases: list[str]) -> list[Verdict]:
    async with echoing() as url:
        return await (port(url, cases) if python is None else original(python, url, cases))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.autobahn",
        description=__doc__,
        epilog="example: python -m tests.autobahn --cases '1.*,7.1.5'",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", default="*", help="cases to run, with commas between them (default: all, 2 minutes)")
    parser.add_argument("--python27", help="a Python 2.7 (default: python2.7 of the PATH or of pyenv)")
    parser.add_argument(
        "--port", action="store_true", help="run the cases with kosoku even where there is a Python 2.7"
    )
    args = parser.parse_args()
    python = None if args.port else python27(args.python27)
    if python is None and args.python27:
        parser.error(f"{args.python27} is no Python 2.7 with pip")
    print(f"Autobahn test suite, {'with kosoku' if python is None else f'the original, with {python}'}", flush=True)
    verdicts = asyncio.run(play(python, args.cases.split(",")))
    counts = Counter(each.messages for each in verdicts)
    print(f"{len(verdicts)} cases: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    for each in verdicts:
        if each in KNOWN or not {each.messages, each.close} <= FINE:
            print(f"{each.case}: {each.messages}, close {each.close}: {KNOWN.get(each, 'NOT EXPECTED')}")
    return 1 if not verdicts or unexpected(verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
