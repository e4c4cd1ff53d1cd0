"""What states cost: processor time of the default day as a command, with and without them, A B A B.

    .venv/bin/python benchmarks/checkpoint.py [PAIRS]

Each day is a process of its own, its imports are in it as they are in a user's. Both commit every period with tables,
verdict and sums; B leaves out the states, which are put together, written, forced to the disk and removed again, and
the digest of the tables that they carry. On a busy machine the difference of two days is noise, so the time spent on
states is also taken within each day of A; its share is what is held against the limit.
"""

import os
import statistics
import subprocess
import sys
import tempfile

LIMIT = 0.03
DAY = """
import sys, time
from cosim.cli.start import lean
lean()
from cosim.results import store
from cosim.workflows import ledger
from cosim.workflows.run import run

spent = 0.0

def timed(function):
    def call(*arguments, **named):
        global spent
        before = time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            spent += time.process_time() - before
    return call

with_states = sys.argv[2] == "with"
for module, name in ((store, "write_state"), (store, "drop_states"), (ledger, "chained")):
    ours = getattr(module, name)
    setattr(module, name, timed(ours) if with_states else lambda *_: "")
run("nguyen_ieee33", out=sys.argv[1] + "/run", report=False)
print(time.process_time(), spent)
"""


def day_cpu_s(states):
    """Return the processor time of one process that runs the day, and of its states."""
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            [sys.executable, "-c", DAY, folder, states], capture_output=True, text=True, check=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
    whole, own = told.stdout.split()[-2:]
    return float(whole), float(own)


def main(pairs):
    shares = []
    for _ in range(pairs):
        (with_s, own_s), (without_s, _) = day_cpu_s("with"), day_cpu_s("without")
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
