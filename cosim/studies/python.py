"""Studies from Python: `cosim.sweep` and `cosim.load_study`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.studies.collecting import read_rows
from cosim.studies.folder import StudyFolder, create, opened
from cosim.studies.running import Progress, run_study
from cosim.studies.statistics import Statistics
from cosim.studies.telling import measured, statistics_of, tell

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class StudyResult:
    """A study that was carried out, or a part of it.

    Attributes
    ----------
    folder
        Where it lies.
    """

    folder: Path

    @cached_property
    def _folder(self) -> StudyFolder:
        return StudyFolder(self.folder)

    @property
    def rows(self) -> pd.DataFrame:
        """A line a row of the plan: factors, status, measures; units stand in ``attrs["units"]``."""
        found: pd.DataFrame = read_rows(self._folder)
        found.attrs["units"] = dict(self._folder.facts.get("units", {}))
        return found

    @property
    def long(self) -> pd.DataFrame:
        """The same with a line a measure of a row: row, measure, value, unit."""
        rows, units = self.rows, self._folder.facts.get("units", {})
        found = rows.melt(id_vars=["row"], value_vars=measured(self._folder, rows), var_name="measure")
        return found.assign(unit=found["measure"].map(units).fillna(""))

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Tables that were kept of the rows, by name; column ``row`` says of which."""
        import pandas as pd

        folders = sorted(path for path in (self.folder / "tables").glob("*") if path.is_dir())
        return {path.name: pd.concat(map(pd.read_parquet, sorted(path.glob("part-*.parquet")))) for path in folders}

    @property
    def failures(self) -> Mapping[int, str]:
        """Why a row without a trusted answer has none, by number of the row."""
        bad = self.rows[~self.rows["status"].isin(("", "ok", "flagged"))]
        return {
            int(row): f"{status}: {reason}"
            for row, status, reason in zip(bad["row"], bad["status"], bad["reason"], strict=True)
        }

    def statistics(self) -> Statistics:
        """Return means, quantiles, shares, pairs and indices, each with its interval where the design has one."""
        return statistics_of(self._folder)

    @property
    def report(self) -> Path:
        """Write the page and return where it lies."""
        return tell(self._folder)


def sweep(
    study: str | Path,
    *,
    out: str | Path | None = None,
    jobs: int = 1,
    cluster: Any = "",  # noqa: ANN401 - Dask's types are not loaded here
    accept_numerics: bool = False,
    progress: Progress | None = None,
) -> StudyResult:
    """Carry a study out, or what is missing of it.

    Parameters
    ----------
    study
        A study file, or the folder of a study.
    out
        Folder of the study; by default ``studies/<name of the file>``.
    jobs
        Own processes, or workers of a local cluster.
    cluster
        Address of a Dask scheduler, a scheduler file, ``local``, or a client or cluster of Dask's.
    accept_numerics
        Whether workers that give other last digits may take part.
    progress
        Called after each row.

    Returns
    -------
    StudyResult
        With ``rows``, ``tables``, ``statistics()``, ``failures``.

    Raises
    ------
    InputError
        If the study, its base or a row is wrong.
    DependencyError
        If a package is missing, or a worker gives other last digits.
    """
    path = Path(study)
    if path.is_dir():
        folder = StudyFolder(path)
    else:
        target = Path(out) if out is not None else Path("studies") / path.stem
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = opened(path, target) if target.exists() else create(path, target)
    run_study(folder, jobs=jobs, cluster=cluster, accept_numerics=accept_numerics, progress=progress)
    return StudyResult(folder.path)


def load_study(folder: str | Path) -> StudyResult:
    """Return a study that lies in a folder.

    Parameters
    ----------
    folder
        Folder of the study.

    Raises
    ------
    StorageError
        If it is none of a study.
    """
    found = StudyResult(Path(folder))
    found._folder.facts  # noqa: B018 - it is one
    return found
