"""Studies of many runs: rows a minute, the cost of an engine, the gain of control variates, one digest whatever dies.

    .venv/bin/python benchmarks/sweep.py [days|engines|digest|control] ...

`days`: variants of the default day with pandapower and with the batch engine, with one worker and two, beside a process
of its own each. `engines`: rows of a millisecond. `digest`: one table after kills of workers and drivers, in shards, by
Dask. `control`: a Monte Carlo of 200 rows. Without a name, all; each prints its own table.
"""

import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cosim.studies.collecting import collect
from cosim.studies.folder import StudyFolder, create
from cosim.studies.running import run_study
from cosim.studies.store import read_journals
from cosim.studies.telling import statistics_of

ROOT = Path(__file__).parents[1]
DAYS = 100
QUICK_ROWS = 2_000
KILLS = 20
HEAD = "schema: 1\nseed: 20261201\n"
DAY = (
    HEAD
    + """\
base: nguyen_ieee33
design: {{kind: random, rows: {rows}}}
vary: {{ev.share: {{uniform: [0.1, 0.3]}}, traffic.theta_per_min: {{loguniform: [0.05, 0.5]}}}}
set: {{dispatch.ac_engine: {engine}}}
control: linear
"""
)
SMALL = (
    HEAD
    + """\
base: five_nodes
design: {kind: sobol, rows: 32}
vary: {ev.share: {uniform: [0.1, 0.3]}, feeder.load_profile: {scale: {uniform: [0.9, 1.1]}}}
limits: {attempts: 30}
"""
)
OWN = (
    HEAD
    + """\
base: five_nodes
design: {{kind: random, rows: {rows}}}
vary: {{ev.share: {{uniform: [0.1, 0.3]}}}}
run: quick
invalid: keep
"""
)
QUICK = """\
def quick(scenario, overrides, seed, folder):
    share = float(overrides[0].partition("=")[2])
    return {f"number_{k}": share * k for k in range(60)}
"""


def planned(folder: Path, text: str, name: str) -> StudyFolder:
    """Plan a study."""
    (folder / f"{name}.yaml").write_text(text)
    return create(folder / f"{name}.yaml", folder / name)


def cpu_s() -> float:
    """Return CPU seconds of this process and of children that ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def timed(folder: StudyFolder, **how: object) -> tuple[float, float]:
    """Carry a study out; return wall and CPU seconds."""
    before, began = cpu_s(), time.monotonic()
    run_study(folder, **how)
    return time.monotonic() - began, cpu_s() - before


def days(folder: Path) -> None:
    """Print rows a minute of the default day's variants."""
    print(f"{DAYS} variants of the default day, CPU s a row and rows a minute of wall time (a shared machine)")
    for engine in ("pandapower", "batch"):
        alone_cpu_s = []
        for k in range(2):
            before = cpu_s()
            command = [sys.executable, "-m", "cosim", "run", "nguyen_ieee33", "--no-report", "--progress", "off"]
            command += ["--set", f"dispatch.ac_engine={engine}", "--out", str(folder / f"alone-{engine}-{k}")]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            alone_cpu_s.append(cpu_s() - before)
        rates = {}
        for jobs in (1, 2):
            study = planned(folder, DAY.format(rows=DAYS, engine=engine), f"days-{engine}-{jobs}")
            wall_s, used_s = timed(study, jobs=jobs)
            rates[jobs] = DAYS / wall_s * 60.0
            print(f"  {engine:<10} {jobs} workers: {rates[jobs]:6.1f} rows/min, {used_s / DAYS:5.2f} CPU s a row")
        ratio = min(alone_cpu_s) / (used_s / DAYS)
        told = f"{min(alone_cpu_s):5.2f} CPU s, {ratio:.1f}x a row of two workers"
        print(f"  {engine:<10} a process each, no report: {told}")
        print(f"  {engine:<10} two workers do {rates[2] / (2.0 * rates[1]):.2f} of twice one")


def engines(folder: Path) -> None:
    """Print what an engine costs a row that does nothing."""
    site = folder / "site"
    (site / "quick_rows-1.0.dist-info").mkdir(parents=True)
    (site / "quick_rows.py").write_text(QUICK)
    (site / "quick_rows-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: quick-rows\nVersion: 1.0\n"
    )
    (site / "quick_rows-1.0.dist-info" / "entry_points.txt").write_text("[cosim.rows]\nquick = quick_rows:quick\n")
    sys.path.insert(0, str(site))
    os.environ["PYTHONPATH"] = f"{ROOT}:{site}"
    print(f"rows of 60 numbers that cost nothing, {QUICK_ROWS:,} of them (Dask: a tenth); ms of CPU a row, start apart")
    for name, how, rows in (("local", {}, QUICK_ROWS), ("Dask", {"cluster": "local"}, QUICK_ROWS // 10)):
        few = planned(folder, OWN.format(rows=2), f"few-{name}")
        many = planned(folder, OWN.format(rows=rows + 2), f"many-{name}")
        start, whole = timed(few, jobs=1, **how), timed(many, jobs=1, **how)
        wall_ms, cpu_ms = ((whole[k] - start[k]) / rows * 1e3 for k in range(2))
        print(f"  {name:<6} {cpu_ms:7.2f} ms CPU, {wall_ms:7.2f} ms wall")
    files = sum(1 for path in many.path.rglob("*") if path.is_file())
    print(f"  files of a study of {rows + 2} rows: {files}")


def digest(folder: Path) -> None:
    """Print the digests of one study, carried out in every way."""
    found = {}
    for name, how in (
        ("1 process", {"jobs": 1}),
        ("2 processes", {"jobs": 2}),
        ("Dask", {"jobs": 2, "cluster": "local"}),
    ):
        study = planned(folder, SMALL, name.replace(" ", "-"))
        found[name] = run_study(study, **how).collected.sha256
    shards = planned(folder, SMALL, "shards")
    for part in (3, 1, 5, 2, 4):
        run_study(shards, shard=(part, 5))
    found["5 shards, in another order"] = collect(shards).sha256
    found[f"after {KILLS} kills of workers and drivers"] = _killed(planned(folder, SMALL, "killed"))
    for name, told in found.items():
        print(f"  {told[:16]}  {name}")
    print("  one digest" if len(set(found.values())) == 1 else "  DIGESTS DIFFER")


def _killed(study: StudyFolder) -> str:
    """Carry a study out while its driver, or one of its workers, is killed every other second."""
    dice, kills = random.Random(1), 0  # noqa: S311 - which process, no secret
    command = [sys.executable, "-m", "cosim", "sweep", "run", str(study.path), "--jobs", "2", "--progress", "off"]
    while True:
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while driver.poll() is None and kills < KILLS:
            time.sleep(dice.uniform(0.5, 6.0))
            workers = _children(driver.pid)
            victim = int(dice.choice(workers)) if workers and dice.random() < 0.5 else driver.pid
            if driver.poll() is None:
                os.kill(victim, signal.SIGKILL)
                kills += 1
        driver.wait()
        if len(read_journals(study.path)) == len(study.plan.rows):
            return collect(StudyFolder(study.path)).sha256


def _children(pid: int) -> list[str]:
    command = ["pgrep", "-P", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def control(folder: Path) -> None:
    """Print how much smaller control variates make the variance of means."""
    study = planned(folder, DAY.format(rows=200, engine="batch"), "control")
    run_study(study, jobs=2)
    for row in statistics_of(StudyFolder(study.path)).measures:
        if row["measure"] in ("cost", "loss_mwh", "margin_low_pu", "wait_mean_min"):
            half = (row["mean_high"] - row["mean_low"]) / 2.0
            told = f"mean {row['mean']:.6g} +- {half:.2g}, variance {row['variance_factor']:.1f}x smaller"
            print(f"  {row['measure']:<16} {told}")


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["days", "engines", "digest", "control"]
    for part in chosen:
        with tempfile.TemporaryDirectory(prefix="cosim-sweep-") as scratch:
            print(part)
            {"days": days, "engines": engines, "digest": digest, "control": control}[part](Path(scratch))
