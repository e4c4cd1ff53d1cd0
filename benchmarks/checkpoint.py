"""What states cost: processor time of the default day as a run, with and without them, A B A B.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/checkpoint.py [PAIRS]

Both commit every period with tables, verdict, sums and digest; B leaves out the states, which are put together,
written, forced to the disk, and removed again. Prints each pair, and the median of their differences.
"""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cosim.results import store
from cosim.workflows.run import run

WRITE = store.write_state
LIMIT = 0.03


def day_cpu_s(*, states):
    """Return the processor time of one run."""
    store.write_state = WRITE if states else lambda run, state: None
    folder = Path(tempfile.mkdtemp())
    try:
        before = time.process_time()
        run("nguyen_ieee33", out=folder / "run", report=False)
        return time.process_time() - before
    finally:
        shutil.rmtree(folder)
        store.write_state = WRITE


def main(pairs):
    day_cpu_s(states=True)  # imports are not part of the measurement
    shares = []
    for _ in range(pairs):
        with_s, without_s = day_cpu_s(states=True), day_cpu_s(states=False)
        shares.append(with_s / without_s - 1.0)
        print(f"with states {with_s:6.2f} s, without {without_s:6.2f} s CPU: {shares[-1]:+.2%}", flush=True)
    share = statistics.median(shares)
    print(f"states take {share:.1%} of the default day's processor time (limit {LIMIT:.0%})")
    return share > LIMIT


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4))
