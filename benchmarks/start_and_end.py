"""What a command costs besides its work: its start, the report at its end, a verification; CPU seconds of processes.

    .venv/bin/python benchmarks/start_and_end.py

Each line is the least of three processes. `imports` is the time until everything that the command loads is there.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = "cosim.workflows.run, cosim.world, cosim.reports.page, mosaik, pandas, pyarrow.parquet, jinja2"
LOADED = {"assign": "cosim.workflows.assign", "run without a grid": RUN, "run": f"{RUN}, cvxpy"}
TIMES = 3


def cpu_s(*arguments, times=TIMES):
    """Return the least CPU time of a process with these arguments, s, and the largest memory of any so far, MB."""
    taken, most = [], 0.0
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        most = max(most, after.ru_maxrss / 1024.0)
    return min(taken), most


def imports():
    for name, modules in LOADED.items():
        code = f"from cosim.cli import start; start.lean(); import {modules}"
        code += "; from cosim.grid.lean import pandapower; pandapower()" if "cvxpy" in modules else ""
        print(f"imports of {name:>18}: {cpu_s('-c', code)[0]:5.2f} s CPU")


def report(folder):
    """Write the report of a run in this process, everything being loaded."""
    from cosim.reports.page import write_report
    from cosim.results.store import RunResult

    write_report(RunResult(folder))
    start = time.process_time()
    write_report(RunResult(folder))
    print(f"report of the default day: {time.process_time() - start:5.2f} s CPU")


def main():
    imports()
    with tempfile.TemporaryDirectory() as name:
        day = Path(name) / "day"
        spent, most = cpu_s("-m", "cosim", "run", "nguyen_ieee33", "--progress", "off", "--out", str(day), times=1)
        print(f"cosim run nguyen_ieee33: {spent:5.2f} s CPU, {most:.0f} MB")
        for words in ((), ("--stress", "96")):
            spent, most = cpu_s("-m", "cosim", "verify", str(day), *words)
            print(f"cosim verify RUN {' '.join(words)}: {spent:5.2f} s CPU")
        report(day)


if __name__ == "__main__":
    main()
