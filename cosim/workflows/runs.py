"""Find the runs below a folder, worst first; what is no finished run is named, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cosim.errors import StorageError
from cosim.plain import Document
from cosim.results.committed import is_run
from cosim.results.store import RunResult
from cosim.results.verdict import Verdict, severity

State = Literal["damaged", "unfinished", "incomplete", "complete", "foreign"]
DEPTH = 3
"""How deep a run may lie below the folder: the runs of a study stand one below it."""
FOLDER = Path("runs")
LAST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """A folder that is, was, or should be a run.

    Attributes
    ----------
    folder
        Below the folder that was asked for.
    state
        ``complete`` or ``incomplete`` (it ended early) as ``run.json`` says; ``unfinished``: it still runs, or was
        killed; ``damaged``: it cannot be read; ``foreign``: no run at all.
    scenario, created
        As the manifest says.
    verdict
        None unless it is complete or incomplete.
    committed, planned
        Periods; None where nothing tells.
    remark
        The first thing that is wrong.
    parent
        The run that it goes on from, and behind which period; empty if it began by itself.
    """

    folder: str
    state: State
    scenario: str = ""
    created: str = ""
    verdict: Verdict | None = None
    committed: int | None = None
    planned: int | None = None
    remark: str = ""
    parent: str = ""

    @property
    def rank(self) -> int:
        """Place among all runs: what nobody can judge first, then by exit code, worst first; foreign folders last."""
        if self.verdict is not None:
            return severity(self.verdict.worst)
        return {"damaged": -3, "unfinished": -2}.get(self.state, LAST)

    def as_dict(self) -> Document:
        """Return plain data, for JSON."""
        return {
            "folder": self.folder, "state": self.state, "scenario": self.scenario, "created": self.created,
            "periods": {"planned": self.planned, "committed": self.committed},
            "verdict": None if self.verdict is None else self.verdict.as_dict(), "remark": self.remark,
            "parent": self.parent,
        }  # fmt: skip


def list_runs(folder: str | Path | None = None) -> tuple[ListedRun, ...]:
    """Return the runs below a folder, worst first, of equally bad ones the newest first.

    Parameters
    ----------
    folder
        A folder of runs, or one run; None is ``runs``, which need not be there yet. Links to runs in it are left out.

    Raises
    ------
    StorageError
        If the folder cannot be read.
    """
    root = FOLDER if folder is None else Path(folder)
    if folder is None and not root.exists():
        return ()
    if not root.is_dir():
        raise StorageError(f"'{root}' is no folder; give a folder of runs")
    if _is_run(root):
        return (_listed(root, root.resolve().name),)
    found = sorted(_below(root, root, DEPTH), key=lambda one: one.folder)
    newest_first = sorted(found, key=lambda one: one.created, reverse=True)
    return tuple(sorted(newest_first, key=lambda one: one.rank))


def _is_run(folder: Path) -> bool:
    """Whether a folder is meant as a run."""
    try:
        return is_run(folder)
    except OSError:  # nobody may look into it; who lists it says so
        return False


def _below(root: Path, folder: Path, depth: int) -> Iterator[ListedRun]:
    """Yield the runs below a folder, and the folders in it that hold none."""
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        if folder == root:
            raise StorageError(f"'{root}' cannot be read: {error.strerror}") from error
        yield ListedRun(folder=_name(root, folder), state="damaged", remark=f"cannot be read: {error.strerror}")
        return
    for path in inside:
        if path.is_symlink() and path.resolve().is_relative_to(root.resolve()):
            continue
        if _is_run(path):
            yield _listed(path, _name(root, path))
            continue
        found = list(_below(root, path, depth - 1)) if depth > 1 else []
        if any(one.state != "foreign" for one in found):
            yield from found
        else:
            yield ListedRun(folder=_name(root, path), state="foreign", remark="no run")


def _name(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix()


def _parent(manifest: Mapping[str, Any]) -> str:
    told = manifest.get("parent")
    return "" if told is None else f"goes on behind period {told['period']} of {told['folder']}"


def _listed(folder: Path, name: str) -> ListedRun:
    """Read what a run says of itself."""
    try:
        result = RunResult(folder)
        verdict, counts = result.verdict, result.run["periods"]
        reasons = [*verdict.reasons, *map(str, result.run.get("reasons", ()))]
        state: State = "complete" if result.complete else "incomplete" if result.ended else "unfinished"
        return ListedRun(
            folder=name,
            state=state,
            scenario=str(result.manifest.get("scenario", "")),
            created=str(result.manifest.get("created", "")),
            verdict=verdict if result.ended else None,
            committed=verdict.committed,
            planned=int(counts["planned"]),
            remark=next(iter((*result.notices, *(reasons if verdict.worst else ()))), ""),
            parent=_parent(result.manifest),
        )
    except (StorageError, OSError, KeyError, TypeError, ValueError) as error:
        return ListedRun(folder=name, state="damaged", remark=f"{error}")
