"""What only many repetitions show: memory, files and threads of a long run, SUMO started again and again, races.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/soak.py [long|sumo|storm|race|load ...] [--size N]

``long`` periods without SUMO and ``sumo`` ones with it: growth of memory per 100 periods after a warm-up, open files
and threads, own processor time of the last tenth of the periods against the first one after the warm-up. ``storm``:
SUMO started and ended, two at a time. ``race``: drivers that begin in one folder at once. ``load``: a run beside four
busy processes, which the watchdog must not take for hung. Ends with 1 if a figure is beyond what it must be.
Sizes below the default tell less: memory is taken in steps of megabytes.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cosim
from cosim.microsim.process import SumoProcess
from cosim.workflows.run import run

ROOT = Path(__file__).parents[1]
SIZES = {"long": 2000, "sumo": 96, "storm": 200, "race": 20, "load": 24}
GROWTH_MIB, SLOWER = 1.0, 1.2
WARM = 0.2
"""Share of the periods after which memory and time are those of a run that is at work."""
LONG = """\
schema: 1
extends: nguyen_ieee33
periods: {size}
traffic: {{demand_profile: 0.8}}
feeder: {{load_profile: 0.8}}
devices:
  pv: {{available_mw: 0.2}}
  wind: {{available_mw: 0.3}}
  ess: {{soc_end: free}}
dispatch: {{mode: single_period}}
tariff: {{kind: static, prices_per_mwh: 500}}
"""
SUMO = """\
schema: 1
extends: nguyen_micro
periods: {size}
period_min: 15
traffic: {{demand_profile: 0.4}}
microsim: {{mode: continuous, length_scale: 0.25, coupling_s: 300, periods: [1]}}
gates: {{not_inserted_share: 0.1}}
"""


class Pulse:
    """Looks at the process after each period."""

    def __init__(self) -> None:
        self.at_s, self.cpu_s = [time.monotonic()], [time.process_time()]
        self.rss_mib: list[float] = []
        self.files: list[int] = []
        self.threads: list[int] = []

    def __call__(self, told: object, judged: object) -> None:
        self.at_s.append(time.monotonic())
        self.cpu_s.append(time.process_time())
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        self.rss_mib.append(pages * resource.getpagesize() / 2**20)
        self.files.append(sum(1 for _ in Path("/proc/self/fd").iterdir()))
        self.threads.append(threading.active_count())

    def figures(self) -> tuple[float, float, bool]:
        """Return growth of memory, MiB per 100 periods, time of the end over the begin, whether the rest stays."""
        count = len(self.rss_mib) - 1  # the last one ends SUMO, and reads what it wrote of the whole day
        warm, tenth = int(WARM * count), max(1, count // 10)
        growth = 100.0 * (self.rss_mib[count - 1] - self.rss_mib[warm]) / max(1, count - 1 - warm)
        first, last = self.cpu_s[warm + tenth] - self.cpu_s[warm], self.cpu_s[count] - self.cpu_s[count - tenth]
        return growth, last / first, len(set(self.files[warm:-1])) == len(set(self.threads[warm:-1])) == 1


def repeated(text: str, size: int) -> Iterator[str]:
    """Run one scenario of many periods; yield what is beyond its limit."""
    pulse = Pulse()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "scenario.yaml"
        path.write_text(text.format(size=size), encoding="utf-8")
        result = run(path, out=Path(name) / "run", report=False, progress=pulse)
    growth, slower, constant = pulse.figures()
    print(
        f"{size} periods, exit {result.exit_code}, {pulse.at_s[-1] - pulse.at_s[0]:.0f} s; "
        f"memory {', '.join(f'{mib:.0f}' for mib in pulse.rss_mib[:: max(1, size // 8)])} MiB, "
        f"{growth:+.2f} MiB per 100 periods; last tenth {slower:.2f} x the first; files {Counter(pulse.files)}, "
        f"threads {Counter(pulse.threads)}"
    )
    if not growth < GROWTH_MIB:
        yield f"memory grows by {growth:.2f} MiB per 100 periods"
    if not slower <= SLOWER:
        yield f"the last tenth takes {slower:.2f} times as long as the first"
    if not constant:
        yield "open files or threads change"


def storm(size: int) -> Iterator[str]:
    """Start and end SUMO many times, two at a time."""
    net = ("-n", str(ROOT / "sumo_nets/nguyen/merge/net.net.xml"))

    def once(number: int) -> float:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as name, SumoProcess(net, Path(name)) as process:
            process.step_to(1.0)
            if number % 2:
                process.finish()
        return time.monotonic() - began

    with ThreadPoolExecutor(2) as pool:
        took = sorted(pool.map(once, range(size)))
    left = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "stat="], capture_output=True, text=True, check=False
    )
    zombies = sum(line.startswith("Z") for line in left.stdout.splitlines())
    print(f"{size} starts of SUMO, median {took[len(took) // 2]:.2f} s, longest {took[-1]:.2f} s; zombies {zombies}")
    if zombies:
        yield f"{zombies} zombies are left"


def race(size: int) -> Iterator[str]:
    """Let many drivers begin in one folder: one wins."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "cosim", "run", "nguyen_micro", "--out", f"{name}/run", "--no-report"]
        where = {**os.environ, "PYTHONPATH": str(Path(cosim.__file__).parents[1])}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": where, "cwd": name}
        drivers = [subprocess.Popen(command, **quiet) for _ in range(size)]
        codes = Counter(driver.wait() for driver in drivers)
    print(f"{size} drivers in one folder: exit codes {dict(codes)}")
    if codes[0] != 1 or set(codes) - {0, 2, 11}:
        yield f"exit codes {dict(codes)}, must be one 0, and 2 or 11 of the rest"


def load(size: int) -> Iterator[str]:
    """Run a day beside four processes that want all cores, with a watchdog of five seconds."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    os.environ["COSIM_WATCHDOG_S"] = "5"
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "scenario.yaml"
            path.write_text(LONG.format(size=size), encoding="utf-8")
            code = run(path, out=Path(name) / "run", report=False).exit_code
    finally:
        del os.environ["COSIM_WATCHDOG_S"]
        for hog in hogs:
            hog.kill()
            hog.wait()
    print(f"a day beside four busy processes: exit {code}, {time.monotonic() - began:.0f} s")
    if code:
        yield f"it ended with {code}"


KINDS = {
    "long": lambda size: repeated(LONG, size),
    "sumo": lambda size: repeated(SUMO, size),
    "storm": storm,
    "race": race,
    "load": load,
}


def main() -> None:
    """Do what is asked, everything by default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--size", type=int)
    asked = parser.parse_args()
    wrong = []
    for kind in asked.kinds or KINDS:
        wrong += [f"{kind}: {one}" for one in KINDS[kind](asked.size or SIZES[kind])]
    sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
