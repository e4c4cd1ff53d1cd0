"""What states cost: processor time of the default day as a run, with and without them, A B A B.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/checkpoint.py [PAIRS]

Both commit every period with tables, verdict, sums and digest; B leaves out the states, which are put together,
written, forced to the disk, and removed again. On a busy machine the difference of two days is noise, so the time spent
on states is also taken within each day of A; its share is what is held against the limit.
"""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cosim.results import store
from cosim.workflows.run import run

PARTS = ("write_state", "drop_states")
LIMIT = 0.03


class Timed:
    """Adds up the processor time of the functions that states take."""

    seconds = 0.0

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments, **named):
        before = time.process_time()
        try:
            return self.function(*arguments, **named)
        finally:
            Timed.seconds += time.process_time() - before


def day_cpu_s(*, states):
    """Return the processor time of one run, and of its states."""
    ours = {name: getattr(store, name) for name in PARTS}
    for name, function in ours.items():
        setattr(store, name, Timed(function) if states else lambda *_: None)
    folder, Timed.seconds = Path(tempfile.mkdtemp()), 0.0
    try:
        before = time.process_time()
        run("nguyen_ieee33", out=folder / "run", report=False)
        return time.process_time() - before, Timed.seconds
    finally:
        shutil.rmtree(folder)
        for name, function in ours.items():
            setattr(store, name, function)


def main(pairs):
    day_cpu_s(states=True)  # imports are not part of the measurement
    shares = []
    for _ in range(pairs):
        (with_s, own_s), (without_s, _) = day_cpu_s(states=True), day_cpu_s(states=False)
        shares.append(own_s / with_s)
        print(
            f"with states {with_s:5.2f} s CPU, {own_s:5.3f} s of it theirs ({shares[-1]:.1%}); "
            f"without {without_s:5.2f} s ({with_s / without_s - 1.0:+.1%})",
            flush=True,
        )
    share = statistics.median(shares)
    print(f"states take {share:.1%} of the default day's processor time (limit {LIMIT:.0%})")
    return share > LIMIT


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4))
