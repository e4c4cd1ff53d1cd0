"""Find the best-known answers and the bounds of the benchmark pack, and write them beside its cases.

Each case is run with the project's defaults and, where that leaves a gap to the bound, with the mixed-integer model of
storage (SCIP). The cheapest answer that passes every check of `cosim grade` is kept, to twelve digits, in
``scenarios/benchmark_pack/<case>/best/``; its cost as graded and the bound go to ``known.json``. Nothing is typed.

    python benchmarks/pack.py [CASE ...]
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from cosim.errors import CosimError
from cosim.plain import Document
from cosim.version import __version__
from cosim.workflows import benchmark_pack, solution_files
from cosim.workflows.benchmark_pack import KnownValue
from cosim.workflows.grade import Grade, graded
from cosim.workflows.run import run
from cosim.workflows.verify import verify

VARIANTS: dict[str, tuple[str, ...]] = {
    "cosim run": (),
    "cosim run --set dispatch.storage_exclusivity=misocp": ("dispatch.storage_exclusivity=misocp",),
}
CLOSED = 1e-6
"""A relative gap to the bound below which nothing else is tried."""
TOOLS = ("clarabel", "cvxpy", "numpy", "pandapower", "pyscipopt", "scipy")


def answers(name: str, scratch: Path) -> Iterator[tuple[Grade, float, Path]]:
    """Yield the graded answers of a case, the bound that was proved with each, and where they were written."""
    pack = benchmark_pack.folder() / name
    for number, (how, overrides) in enumerate(VARIANTS.items()):
        folder = scratch / f"{name}-{number}"
        try:
            run(pack, out=folder, overrides=overrides, report=False)
            bound = verify(folder).whole.lower_bound
        except CosimError as error:
            sys.stdout.write(f"  {how}: {error}\n")
            continue
        handed = solution_files.read_solution(folder)
        written = scratch / f"{name}-{number}-answer"
        solution_files.write_solution(written, replace(handed, by="cosim", how=how))
        found = graded(solution_files.read_solution(written), name)
        gap = (found.cost - bound) / max(1.0, abs(bound))
        checks = (
            ", ".join(check.name for check in found.checks if check.name != "bound" and not check.passed) or "all kept"
        )
        sys.stdout.write(f"  {how}: cost {found.cost:.6f}, bound {bound:.6f}, gap {gap:.2e}, {checks}\n")
        yield found, bound, written
        if gap <= CLOSED:
            return


def settle(name: str, scratch: Path) -> KnownValue:
    """Keep the best answer of a case, and return what is known of it then."""
    found = list(answers(name, scratch))
    sound = [one for one in found if not [check for check in one[0].failed if check.name != "bound"]]
    best, _, written = min(sound, key=lambda one: one[0].cost)
    kept = benchmark_pack.folder() / name / benchmark_pack.BEST
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(written, kept)
    bound = max(bound for _, bound, _ in found)
    return KnownValue(best_known=best.cost, lower_bound=bound, how=best.how)


def main(names: Sequence[str]) -> None:
    """Settle the cases named, or all, and write what is known."""
    file = benchmark_pack.folder() / benchmark_pack.KNOWN
    cases: dict[str, Document] = json.loads(file.read_text(encoding="utf-8"))["cases"] if file.exists() else {}
    for name in benchmark_pack.case_names():  # grading looks a case up: all need an entry
        cases.setdefault(name, asdict(KnownValue(best_known=0.0, lower_bound=0.0, how="")))
    made_by = {"script": "benchmarks/pack.py", "cosim": __version__, "python": platform.python_version()}
    made_by |= {tool: version(tool) for tool in TOOLS}

    def write() -> None:
        content = {"format": 1, "made_by": made_by, "cases": dict(sorted(cases.items()))}
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        benchmark_pack.known_values.cache_clear()

    write()
    with tempfile.TemporaryDirectory() as scratch:
        for name in names or benchmark_pack.case_names():
            sys.stdout.write(f"{name}\n")
            cases[name] = asdict(settle(name, Path(scratch)))
            write()


if __name__ == "__main__":
    main(sys.argv[1:])
