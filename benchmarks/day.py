"""What a day costs, whole processes of this version and of an earlier one: CPU time, memory, ratios, goals.

    .venv/bin/python benchmarks/day.py [--times 3] [--baseline FOLDER] [--rows day,verify] [--here-only]

Prints a table for `docs/benchmarks.md`. Each row is run in turns, now this version and now the other one, so that a
busy machine is as busy for both; the least of all turns counts. Windows of the dispatch are measured within a process
(`windows.py`). `--baseline` keeps the earlier version (two minutes to install) for the next time. Rows of SUMO are
printed by `microsim.py`, attempts a window by `attempts.py`, growth by `growth.py`.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from baseline import HERE, ROOT, baseline

BENCHMARKS = ROOT / "benchmarks"
SOLVERS = ("sue", "clarabel", "pandapower")
DAY, COUPLED, BINDING = "nguyen_ieee33", "nguyen_ieee33_coupled", "nguyen_ieee33_binding"
SMALLEST = ROOT / "scenarios" / "five_nodes"


@dataclass(frozen=True)
class Row:
    """A line of the table: what is done, and what is wanted of it.

    ``ratio`` is wanted of the CPU time against the earlier version, ``seconds`` and ``mb`` of this one, ``rest`` of all
    but the solvers against the solvers.
    """

    name: str
    work: str
    words: tuple[str, ...]
    ratio: float | None = None
    seconds: float | None = None
    mb: float | None = None
    rest: float | None = None
    reads: bool = False

    @property
    def goal(self):
        wanted = {"{} x": self.ratio, "{} s": self.seconds, "{:.0f} MB": self.mb, "{} of the solvers": self.rest}
        return ", ".join(f"<= {text.format(value)}" for text, value in wanted.items() if value is not None)


ROWS = (
    Row("day", f"`run {DAY}`", ("run", DAY), ratio=0.45, mb=350),
    Row("coupled", f"`run {COUPLED}`", ("run", COUPLED), ratio=0.45, mb=400),
    Row("binding", f"`run {BINDING}`", ("run", BINDING), ratio=0.40, mb=400),
    Row("parts", "default day, all but SUE, Clarabel and power flows, after imports", ("run", DAY), rest=0.5),
    Row("smallest", "smallest run, 6 buses, 6 periods", ("run", str(SMALLEST)), seconds=3.0),
    Row("verify", "`verify RUN`", ("verify",), ratio=0.5, reads=True),
    Row("stress", "`verify RUN --stress 96`", ("verify", "--stress", "96"), ratio=0.3, reads=True),
)


def spent(side, row, place):
    """Run a command in a process; return CPU seconds, the peak of memory in MB, and the parts if they are asked for."""
    run = place / f"{side.name}-day"
    out = run if row.name == "day" else place / "run"
    parts = place / "parts.json"
    words = (
        [row.words[0], str(run), *row.words[1:]] if row.reads else [*row.words, "--out", str(out), "--progress", "off"]
    )
    if not row.reads:
        shutil.rmtree(out, ignore_errors=True)
    begin = (BENCHMARKS / "parts.py", parts) if row.rest else ("-m", "cosim")
    found = side.run([*begin, *words], folder=place)
    return found.cpu_s, found.mb, json.loads(parts.read_text()) if row.rest else None


def measured(sides, row, times, place):
    """Return the least CPU time, memory, and parts of each side, its turns between those of the others."""
    turns = [[spent(side, row, place) for side in sides] for _ in range(times)]
    return [min(turn, key=lambda one: one[0]) for turn in zip(*turns, strict=True)]


def told(row, found):
    """Return a line of the table: the earlier version, this one, the ratio, the goal, and whether it is met."""
    *before, now = found
    cells = [_shown(row, before[0]) if before else "-", _shown(row, now)]
    ratio = now[0] / before[0][0] if before else None
    met = [
        wanted is None or (value is not None and value <= wanted)
        for wanted, value in (
            (row.ratio, ratio), (row.seconds, now[0]), (row.mb, now[1]), (row.rest, _rest(now) if row.rest else None)
        )
    ]  # fmt: skip
    said = verdict(None if row.ratio and ratio is None else all(met))
    return f"| {row.work} | {' | '.join(cells)} | {'-' if ratio is None else f'{ratio:.2f}'} | {row.goal} | {said} |"


def _rest(one):
    parts = one[2]
    return parts["rest"] / sum(parts.get(name, 0.0) for name in SOLVERS)


def _shown(row, one):
    if not row.rest:
        return f"{one[0]:.1f} s, {one[1]:.0f} MB"
    solved = sum(one[2].get(name, 0.0) for name in SOLVERS)
    return f"{one[2]['rest']:.1f} s, {_rest(one):.1f} of the solvers' {solved:.1f} s; imports {one[2]['imports']:.1f} s"


WINDOWS = {
    "quarters": ("windows of 96 quarter hours, rolling, 33 buses", 0.5),
    "thousand": ("windows of 24 hours, rolling, 1,000 buses", 0.55),
}
"""Rows of `windows.py`, and the ratio that is wanted."""
SINGLE_MS = {"pandapower": 25.0, "batch": 10.0}
"""What is wanted of a single period with its AC power flow, by engine."""
LARGEST = ("10000", 90.0, 3.0)
"""Buses of the largest feeder; CPU seconds and GB that are wanted of its day."""


def in_process(sides, kind, times):
    """Return the least of what each side's `windows.py` tells of a kind, its turns between those of the others."""
    turns = [[json.loads(side.run([BENCHMARKS / "windows.py", kind]).said) for side in sides] for _ in range(times)]
    least = min if kind in WINDOWS else lambda found: {name: min(one[name] for one in found) for name in found[0]}
    return [least(found) for found in zip(*turns, strict=True)]


def windows(sides, kind, times):
    """Return the line of a rolling day's windows."""
    (work, wanted), (*before, now) = WINDOWS[kind], in_process(sides, kind, times)
    ratio = now / before[0] if before else None
    cells = f"{before[0]:.1f} s" if before else "-", f"{now:.1f} s", "-" if ratio is None else f"{ratio:.2f}"
    return f"| {work} | {' | '.join(cells)} | <= {wanted} x | {verdict(None if ratio is None else ratio <= wanted)} |"


def single(sides, times):
    """Return the line of a single period with its AC power flow."""
    *before, now = in_process(sides, "single", times)
    shown = [", ".join(f"{1e3 * one:.1f} ms with {name}" for name, one in found.items()) for found in (*before, now)]
    cells = (shown[0] if before else "-", shown[-1])
    ratio = f"{now['pandapower'] / before[0]['pandapower']:.2f}" if before else "-"
    goals = ", ".join(f"<= {most:.0f} ms with {name}" for name, most in SINGLE_MS.items())
    met = all(1e3 * now[name] <= most for name, most in SINGLE_MS.items())
    return f"| a single period, 33 buses: dispatch and AC | {' | '.join(cells)} | {ratio} | {goals} | {verdict(met)} |"


def largest(side):
    """Return the line of the largest feeder's day, which the earlier version could not compile."""
    buses, most_s, most_gb = LARGEST
    found = side.run([BENCHMARKS / "attempts.py", "day", buses])
    met = found.cpu_s <= most_s and found.mb / 1e3 <= most_gb
    cells = f"- | {found.cpu_s:.0f} s, {found.mb / 1e3:.2f} GB | - | <= {most_s:.0f} s, <= {most_gb:.0f} GB"
    return f"| {int(buses):,} buses, 24 hours at once | {cells} | {verdict(met)} |"


def verdict(met):
    """Return whether a goal is met, in words."""
    return "not told" if met is None else "met" if met else "**missed**"


def flows():
    """Return the line of power flows in batches, whose rates are of one process."""
    from power_flows import rates

    alone, batch = rates()
    cells = (
        f"| - | {1e3 * alone:.1f} ms one by one; {1e6 * batch:.0f} us in a batch | {alone / batch:.0f} times the rate"
    )
    return f"| flows of 33 buses, a batch of 96 {cells} | >= 50 | {verdict(alone >= 50 * batch)} |"


OTHERS = {
    **{kind: partial(lambda kind, sides, times: windows(sides, kind, times), kind) for kind in WINDOWS},
    "single": single,
    "largest": lambda sides, _times: largest(sides[-1]),
    "flows": lambda _sides, _times: flows(),
}
"""Lines that are not of whole processes of both versions, by name."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--baseline", type=Path)
    parser.add_argument("--here-only", action="store_true")
    parser.add_argument("--rows", default=",".join([*(row.name for row in ROWS), *OTHERS]))
    asked = parser.parse_args()
    wanted = asked.rows.split(",")
    rows = [row for row in ROWS if row.name in wanted or (row.name == "day" and {"verify", "stress"} & set(wanted))]
    earlier = nullcontext((None, "left out")) if asked.here_only else baseline(asked.baseline)
    with earlier as (before, reason), tempfile.TemporaryDirectory() as name:
        sides = [side for side in (before, HERE) if side is not None]
        if reason:
            print(f"Without the earlier version: {reason}.\n")
        for side in sides:  # compiles its sources
            subprocess.run(
                side.command("-m", "cosim", "check", DAY), env=side.environment, check=True, capture_output=True
            )
        print(f"| work | {before.name if before else '-'} | now | ratio | goal | |\n|---|---|---|---|---|---|")
        for row in rows:
            print(told(row, measured(sides, row, asked.times, Path(name))), flush=True)
        for other, line in OTHERS.items():
            if other in wanted:
                print(line(sides, asked.times), flush=True)


if __name__ == "__main__":
    main()
