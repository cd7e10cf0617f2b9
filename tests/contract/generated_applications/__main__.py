"""`python -m tests.contract.generated_applications`: tries random schemas from a seed on, and prints what fails."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.contract.generated_applications.application import TOOLS
from tests.contract.generated_applications.run import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--schemas", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="leave out mypy and tsc")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told = run(args.seed, args.schemas, Path(folder), tools=() if args.quick else TOOLS)
    print(told)
    return 1 if told.failures else 0


if __name__ == "__main__":
    sys.exit(main())
