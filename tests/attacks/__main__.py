"""`python -m tests.attacks`: attack a gateway in every way of the table, and print what it suffered.

With the defences on, a row holds when the limits of `trial` hold; the command exits with 1 if one does not. With
`--without`, each attack meets a gateway whose defence against it is switched off, and must win: the command exits
with 1 if one does not, because its row proves nothing.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import tempfile
from pathlib import Path

from tests.attacks.plan import Attack
from tests.attacks.table import ATTACKS
from tests.attacks.trial import GIVEN_BACK_S, Outcome, Trials

HEADER = (
    f"{'attack':<46} {'MiB':>5} {'left':>5} {'p99':>6} {'work':>5} {'control':>7} {'door':>5} {'disk':>5} {'log':>4}  "
    "stopped by"
)

HEADER_WITHOUT = f"{'attack':<46} {'MiB':>5} {'p99':>6} {'work':>5} {'switched off':<90}  what failed"


def row(outcome: Outcome) -> str:
    """A line of the table."""
    seen = sorted(outcome.stopped_by.items(), key=lambda item: -item[1])[:4]
    stopped = ", ".join(f"{what} x{count}" for what, count in seen) or "nothing"
    return (
        f"{outcome.name:<46} {outcome.growth:>5.0f} {outcome.left:>5.0f} {outcome.p99:>6.0f} {outcome.work:>5.0f} "
        f"{outcome.control:>7.0f} {outcome.door:>5.0f} {outcome.disk:>5.0f} {sum(outcome.log.values()):>4}  {stopped}"
    )


def won_row(attack: Attack, outcome: Outcome) -> str:
    """A line of the table of attacks that meet a gateway without a defence: what it did without, and what failed."""
    off = ", ".join([*(f"{name} = {value}" for name, value in attack.without.items()), *attack.patch])
    figures = f"{outcome.growth:>5.0f} {outcome.p99:>6.0f} {outcome.work:>5.0f}"
    return f"{outcome.name:<46} {figures} {off:<90}  {'; '.join(outcome.wrong) or 'NOTHING FAILED'}"


def chosen(patterns: list[str], *, defended: bool) -> list[Attack]:
    """The attacks whose names match; without defences only those whose defence can be switched off."""
    found = [a for a in ATTACKS.values() if not patterns or any(fnmatch.fnmatch(a.name, p) for p in patterns)]
    return [attack for attack in found if defended or attack.without or attack.patch]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make attacks", description=__doc__)
    parser.add_argument("names", nargs="*", help="names of attacks, with * and ? (default: all)")
    parser.add_argument("--seconds", type=float, help="how long each attack lasts (default: 2; with --without 4)")
    parser.add_argument(
        "--patience", type=float, default=GIVEN_BACK_S, help="seconds to give memory back (default: 60)"
    )
    parser.add_argument("--without", action="store_true", help="switch off the defence against each attack")
    parser.add_argument("--list", action="store_true", help="print the names, and attack nothing")
    parser.add_argument("--json", type=Path, help="write the outcomes to this file")
    args = parser.parse_args()
    seconds = args.seconds or (4.0 if args.without else 2.0)
    attacks = chosen(args.names, defended=not args.without)
    if args.list:
        print(*(attack.name for attack in attacks), sep="\n")
        return 0
    if not attacks:
        parser.error("no attack has such a name; --list prints all")
    outcomes = []
    for attack in ATTACKS.values() if args.without else ():
        if attack.always:
            print(f"{attack.name}: nothing to switch off: {attack.always}")
    print(HEADER_WITHOUT if args.without else HEADER, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(Path(folder), seconds, defended=not args.without, patience=args.patience)
        try:
            for attack in attacks:
                outcomes.append(trials.run(attack))
                if args.without:
                    print(won_row(attack, outcomes[-1]), flush=True)
                else:
                    print(row(outcomes[-1]), *(f"    {text}" for text in outcomes[-1].wrong), sep="\n", flush=True)
        finally:
            trials.close()
            if args.json:
                args.json.write_text(json.dumps([outcome.as_json() for outcome in outcomes], indent=1) + "\n")
    won = [outcome.name for outcome in outcomes if outcome.wrong]
    print(f"{len(outcomes)} attacks, {len(won)} won" + (f": {', '.join(won)}" if won else ""))
    if args.without:
        return int(len(won) < len(outcomes))
    return int(bool(won))


if __name__ == "__main__":
    sys.exit(main())
