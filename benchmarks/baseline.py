"""An earlier commit beside this one, with an environment of its own, for benchmarks that compare both.

The commit is checked out by `git worktree` and installed with its own dependencies, in a folder that is removed at the
end unless it is to be kept.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMIT = "db10fc8"
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Spent:
    """What a process said, its CPU and wall time, and the peak of its memory."""

    said: str
    cpu_s: float
    wall_s: float
    mb: float


@dataclass(frozen=True)
class Side:
    """A version of the package: its name, its interpreter, and where its sources lie."""

    name: str
    python: Path
    tree: Path

    @property
    def environment(self):
        """One BLAS thread, its own sources, compiled once."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return {**kept, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(self.tree)}

    def command(self, *arguments):
        """Return the beginning of a call of its interpreter."""
        return [str(self.python), *map(str, arguments)]

    def run(self, arguments, *, allowed=(0, 10), folder=None):
        """Run its interpreter in a process; return what it said and what that took, children included."""
        begin = time.perf_counter()
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                self.command(*arguments), cwd=folder, env=self.environment, stdout=output, stderr=errors
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            errors.seek(0)
            said, wrong = output.read(), errors.read()
        if process.returncode not in allowed:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, arguments))[:200]}: {said}{wrong}")
        return Spent(
            said=said, cpu_s=usage.ru_utime + usage.ru_stime, wall_s=time.perf_counter() - begin,
            mb=usage.ru_maxrss / 1024.0,
        )  # fmt: skip


HERE = Side("now", Path(sys.executable), ROOT)


@contextmanager
def baseline(folder=None):
    """Yield the earlier version, or None with the reason why there is none; a folder that is named is kept."""
    known = _git("rev-parse", "--verify", "--quiet", f"{COMMIT}^{{commit}}")
    if known.returncode:
        yield None, f"{COMMIT} is not in this history ({known.stderr.strip() or 'a shallow clone, or no clone'})"
        return
    with tempfile.TemporaryDirectory() as made:
        place = Path(folder or made).resolve()
        try:
            yield _installed(place), ""
        except subprocess.CalledProcessError as error:
            yield None, f"{COMMIT} cannot be installed: {(error.stderr or '').strip().splitlines()[-1:]}"
        finally:
            if folder is None:
                _git("worktree", "remove", "--force", str(place / "tree"))


@contextmanager
def sides(folder=None):
    """Yield the earlier version, if there is one, and this one; say why there is none."""
    with baseline(folder) as (before, reason):
        if reason:
            print(f"Without the earlier version: {reason}.\n")
        yield [side for side in (before, HERE) if side is not None]


def _installed(place):
    tree, venv = place / "tree", place / "venv"
    if not tree.exists():
        place.mkdir(parents=True, exist_ok=True)
        _checked("git", "-C", str(ROOT), "worktree", "add", "--detach", str(tree), COMMIT)
    if not (place / "ready").exists():
        _checked(sys.executable, "-m", "venv", str(venv))
        _checked(
            str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(tree)
        )
        (place / "ready").touch()
    return Side(COMMIT, venv / "bin" / "python", tree)


def _checked(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


def _git(*arguments):
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=False, capture_output=True, text=True)
