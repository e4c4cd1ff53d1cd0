"""The folder of a study: the file, the base as it was, the plan, and what is collected of the rows.

::

    <study>/
    ├── study.yaml  study.json   the file; versions, digests, numerics id
    ├── base/                    the base scenario, standing alone
    ├── plan.parquet             a line a row
    ├── claims/ journal/         rows in flight; rows that ended, a file a writer
    ├── rows/ tables/ effort/    collected, 100,000 rows a part
    ├── runs/ failures/          run folders that are kept; what failed rows said
    ├── statistics.csv           and report.html
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cosim.errors import StorageError, UsageError
from cosim.results.lock import at_work
from cosim.results.manifest import git_state, versions
from cosim.results.table_file import write_table
from cosim.scenario.export import write_folder
from cosim.scenario.load import LoadedScenario, load
from cosim.studies.plan import FORMAT, MOST, Plan, check_rows, planned
from cosim.studies.study_file import Study, read_study


@dataclass(frozen=True, eq=False)
class StudyFolder:
    """A planned study."""

    path: Path

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What ``study.json`` says.

        Raises
        ------
        StorageError
            If the folder is none of a study, or of another format.
        """
        try:
            found: dict[str, Any] = json.loads((self.path / "study.json").read_text())
        except (OSError, ValueError) as error:
            hint = "make one with 'cosim sweep plan STUDY'"
            raise StorageError(f"'{self.path}' is no folder of a study (no study.json); {hint}") from error
        if found.get("format") != FORMAT:
            raise StorageError(f"'{self.path}' has format {found.get('format')!r}; this version reads {FORMAT}")
        return found

    @cached_property
    def study(self) -> Study:
        """The study file."""
        self.facts  # noqa: B018 - a folder of a study
        return read_study(self.path / "study.yaml")

    @cached_property
    def base(self) -> LoadedScenario:
        """The base scenario, with what holds in every row."""
        return load(self.scenario, self.study.fixed)

    @cached_property
    def plan(self) -> Plan:
        """The rows: the same from the same file and base."""
        known = self.facts["plan_sha256"]  # first: without it, this is no folder of a study
        found = planned(self.study, self.base)
        if plan_digest(found) != known:
            raise StorageError(
                f"the plan of '{self.path}' is not the one that was made: its file, its base or the version changed; "
                "plan a new study"
            )
        return found

    @property
    def scenario(self) -> str:
        """The base scenario's file."""
        return str(self.path / "base" / "scenario.yaml")

    def note(self, facts: Mapping[str, Any]) -> None:
        """Write more facts into ``study.json``, beside what other shards have written meanwhile."""
        self.facts.update(StudyFolder(self.path).facts | dict(facts))
        _write_json(self.path / "study.json", self.facts)

    @contextmanager
    def shard(self, part: int, parts: int) -> Iterator[None]:
        """Hold the lock of a share of the rows.

        Raises
        ------
        LockedError
            If another process carries it out.
        """
        (self.path / "locks" / f"{part}-of-{parts}" / "periods").mkdir(parents=True, exist_ok=True)
        with at_work(self.path / "locks" / f"{part}-of-{parts}"):
            yield


def create(file: Path, out: Path, *, many: bool = False, checked: Callable[[int], None] | None = None) -> StudyFolder:
    """Plan a study: write its folder.

    Parameters
    ----------
    file
        The study file.
    out
        A new folder.
    many
        Whether more than 100,000 rows are meant.
    checked
        Called with the number of rows before their scenarios are read.

    Raises
    ------
    InputError
        If the study, its base or a row is wrong; nothing is left then.
    UsageError
        If the folder exists, or the rows are many.
    """
    study = read_study(file)
    base = load(_base(study), study.fixed)
    if out.exists():
        raise UsageError(f"'{out}' exists; choose another with --out, or go on with 'cosim sweep run {out}'")
    temporary = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _fill(temporary, study, base, many=many, checked=checked)
        temporary.rename(out)
    except OSError as error:
        raise StorageError(f"'{out}' cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return StudyFolder(out)


def _base(study: Study) -> str | Path:
    """Return the base scenario: beside the study file, or shipped."""
    beside = study.folder / study.base
    return beside if beside.exists() else study.base


def opened(file: Path, out: Path) -> StudyFolder:
    """Return the folder of a study file that was planned before.

    Raises
    ------
    UsageError
        If it was planned of another file.
    """
    folder = StudyFolder(out)
    if folder.study.text != read_study(file).text:
        raise UsageError(
            f"'{out}' was planned of another '{file.name}' than this; choose a new folder with --out, or go on with "
            f"the one as it was by 'cosim sweep run {out}'"
        )
    return folder


def bring(folder: StudyFolder, other: StudyFolder) -> int:
    """Copy the journals of another folder of the same plan; return how many.

    Raises
    ------
    UsageError
        If it has another plan.
    """
    if other.facts["plan_sha256"] != folder.facts["plan_sha256"]:
        raise UsageError(f"'{other.path}' has another plan than '{folder.path}'")
    count = 0
    (folder.path / "journal").mkdir(exist_ok=True)
    for path in sorted((other.path / "journal").glob("*.jsonl")):
        target = folder.path / "journal" / path.name
        if target.resolve() != path.resolve():
            shutil.copyfile(path, target)
            count += 1
    return count


def _fill(
    target: Path, study: Study, base: LoadedScenario, *, many: bool, checked: Callable[[int], None] | None
) -> None:
    target.mkdir(parents=True, mode=0o700)
    (target / "study.yaml").write_text(study.text, encoding="utf-8")
    if study.design.file:
        shutil.copyfile(study.folder / study.design.file, target / study.design.file)
    write_folder(base, target / "base")
    folder = StudyFolder(target)
    made = planned(study, load(folder.scenario, study.fixed))  # the base as it is here from now on
    if len(made.rows) > MOST and not many:
        raise UsageError(f"the plan has {len(made.rows):,} rows; say --yes if that is meant")
    if checked is not None:
        checked(len(made.rows))
    check_rows(study, made, folder.scenario)
    write_table(target / "plan.parquet", plan_columns(made))
    facts = {
        "format": FORMAT, "created": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions(),
        "git": git_state(Path(__file__).parent), "base": study.base, "rows": len(made.rows),
        "plan_sha256": plan_digest(made), "numerics": None,
    }  # fmt: skip
    _write_json(target / "study.json", facts)


def plan_digest(plan: Plan) -> str:
    """Return the SHA-256 of all rows' hashes in their order."""
    return hashlib.sha256("".join(row.hash for row in plan.rows).encode()).hexdigest()


def plan_columns(plan: Plan, rows: slice = slice(None)) -> dict[str, list[Any]]:
    """Return the plan as columns: numbers and names of a row, then a column a factor."""
    chosen = plan.rows[rows]
    names = ("number", "draw", "block", "replicate", "alternative", "seed", "hash")
    found: dict[str, list[Any]] = {
        ("row" if name == "number" else name): [getattr(r, name) for r in chosen] for name in names
    }
    for k, path in enumerate(plan.paths):
        values = [row.values[k] for row in chosen]
        plain = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
        found[path] = [float(one) for one in values] if plain else [json.dumps(one) for one in values]
    return found


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")  # shards write at the same time
    temporary.write_text(json.dumps(content, indent=1, default=_number) + "\n", encoding="utf-8")
    temporary.replace(path)


def _number(value: Any) -> Any:  # noqa: ANN401 - numpy's numbers as Python's
    return value.item() if isinstance(value, np.generic) else str(value)
