"""`make resume`, `make kills`: stop days at every period in every mode; kill runs at any instant; let them go on.

python -m tests.resume points [MODE ...]
python -m tests.resume kills [COUNT] [SEED]
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.resume.kills import kill
from tests.resume.points import MODES, check_points


def points(modes):
    """Stop a day of 24 periods behind each of its periods, in each mode."""
    from cosim.scenario.case import build_case
    from cosim.scenario.load import load

    for mode in modes or MODES:
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            case = build_case(load("nguyen_ieee33", MODES[mode]))
            looked = check_points(case, Path(folder))
        told = f"{mode:>20}: {len(looked)} points, each equal to the bit ({time.process_time() - began:.0f} s CPU)"
        sys.stdout.write(told + "\n")


def kills(count=200, seed=1):
    """Kill a run at random instants until it has been killed so often; start anew whenever it ends."""
    told = kill(int(count), int(seed))
    sys.stdout.write(f"{told}\n")
    return 0 if told.lost == told.differing == 0 else 1


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["points"]
    sys.exit(kills(*rest) if what == "kills" else points(rest))
