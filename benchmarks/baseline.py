"""An earlier commit that figures are held against, checked out for a while; each side runs in a process of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
COMMIT = "db10fc8"
PYTHON = "COSIM_BASELINE_PYTHON"
"""Environment variable that names another interpreter, for when the commit's dependencies are not those of today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Sources, and the interpreter that runs them."""

    name: str
    folder: Path
    python: str = sys.executable

    def run(self, arguments: Sequence[str]) -> Spent:
        """Run Python in a process of its own; an error of it is ours."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "OPENBLAS_NUM_THREADS": "1"}
        began, before = time.perf_counter(), _cpu_s()
        done = subprocess.run(
            [self.python, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{self.name}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return Spent(wall_s=time.perf_counter() - began, cpu_s=_cpu_s() - before, said=done.stdout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Time that a process took with its children, s, and what it printed."""

    wall_s: float
    cpu_s: float
    said: str


HERE = Side(name="here", folder=ROOT)


@contextmanager
def sides() -> Iterator[list[Side]]:
    """Yield these sources and, where git has it and its dependencies are met, those of the commit; say what is not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / COMMIT
        if reason := _checked_out(folder):
            print(f"{COMMIT} is left out: {reason}")
            yield [HERE]
            return
        try:
            python = os.environ.get(PYTHON, sys.executable)
            missing = [] if PYTHON in os.environ else _unmet(folder)
            if missing:
                print(
                    f"{COMMIT} is left out: it needs {', '.join(missing)}; name an interpreter that has it in {PYTHON}"
                )
                yield [HERE]
            else:
                yield [Side(name=COMMIT, folder=folder, python=python), HERE]
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _checked_out(folder: Path) -> str:
    """Check the commit out; return why that cannot be, or nothing."""
    done = _git("worktree", "add", "--detach", str(folder), COMMIT)
    return "" if done.returncode == 0 else f"git says '{done.stderr.strip()}'"


def _unmet(folder: Path) -> list[str]:
    """Return the commit's dependencies that are not installed here."""
    wanted = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    return [one for one in wanted if not _met(Requirement(one))]


def _met(one: Requirement) -> bool:
    if one.marker is not None and not one.marker.evaluate():
        return True
    try:
        return one.specifier.contains(version(one.name), prereleases=True)
    except PackageNotFoundError:
        return False


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def _cpu_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
