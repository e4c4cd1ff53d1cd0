"""Files of a scenario: looked up safely, read once, remembered with their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from cosim.errors import InputError, Problem
from cosim.scenario import shipped
from cosim.scenario.schema import MAX_PERIODS
from cosim.scenario.stamps import is_stamped, read_stamped
from cosim.tables import Table, did_you_mean, read_series, read_table
from cosim.timeline import Timeline
from cosim.traffic.formats import is_network

T = TypeVar("T")

MAX_FILE_MB = 64
TABLES = (".csv", ".tntp", ".xml")
"""What is read of the folder of a network; XML is the SUMO network that it was imported from."""
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file that the scenario was read from; without a path a net that a package brings."""

    name: str
    path: Path | None
    size: int
    sha256: str


@dataclass(slots=True)
class ScenarioFiles:
    """The folders in which a scenario's files may stand: its own first, then those of what it extends.

    ``timeline`` tells how long the series of files can be, and to which instants they are brought, ``used`` holds every
    file that was read, ``named`` the tables by the name that the scenario gives them.
    """

    folders: tuple[Path, ...]
    timeline: Timeline = Timeline(periods=MAX_PERIODS)
    used: dict[Path, InputFile] = field(default_factory=dict)
    named: dict[str, Path] = field(default_factory=dict)
    _series: dict[Path, dict[str, list[float]]] = field(default_factory=dict)
    _networks: set[Path] = field(default_factory=set)
    _given: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    _made: dict[Hashable, Any] = field(default_factory=dict)

    def locate(self, name: str) -> Path:
        """Return the path of a file of the scenario.

        Raises
        ------
        InputError
            If the name is absolute or leaves the folder, also by a symbolic link, or there is no regular
            file of at most 64 MB.
        """
        path = self._inside(name)
        if path is None:
            raise InputError(Problem(reason=f"file {name!r} is not there", remedy=self._beside(name)))
        _check_regular(path)
        self.record(path)
        self.named[name] = path
        return path

    def network(self, name: str, family: str) -> Path:
        """Return a road network's folder or file, or a feeder's folder: inside the scenario's folder, else shipped.

        Raises
        ------
        InputError
            If there is none, or it leaves the scenario's folder.
        """
        path = self._inside(name)
        if path is None and name in (known := shipped.names(family)):
            path = shipped.folder(family) / name
        if path is not None and path.is_file() and family == shipped.ROADS and is_network(path):
            return self.locate(name)
        if path is None or not path.is_dir():
            what = "neither a folder of the scenario nor shipped"
            hint = did_you_mean(name, known) if path is None and known else "name a folder"
            raise InputError(Problem(reason=f"{name!r} is {what}", remedy=hint))
        self._networks.add(path)
        for file in sorted(one for one in path.iterdir() if one.suffix.lower() in TABLES):
            _check_member(path, file)
            _check_regular(file)
            self.record(file)
            self.named[f"{name}/{file.name}"] = file
        return path

    def series(self, name: str) -> dict[str, list[float]]:
        """Return the columns of a time-series file, read once, or those of `give_series`."""
        if name in self._given:
            return self._given[name]
        path = self.locate(name)
        if path not in self._series:
            try:
                self._series[path] = (
                    read_stamped(path, self.timeline)
                    if is_stamped(path)
                    else read_series(path, most_periods=self.timeline.periods)
                )
            except InputError as error:
                raise InputError(self.displayed(error.problems)) from error
        return self._series[path]

    def give_series(self, name: str, columns: dict[str, list[float]]) -> None:
        """Let series be taken by a name in place of a file's: a package brings them along."""
        self._given[name] = columns

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what is made of the scenario's files, made once."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    def remember(self, name: str, content: bytes) -> None:
        """Remember an input that no file of the scenario holds."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.used[Path(name)] = InputFile(name=name, path=None, size=len(content), sha256=sha256)

    def table(self, name: str, columns: Mapping[str, type]) -> Table:
        """Return a table of the scenario's folder."""
        path = self.locate(name)
        try:
            return replace(read_table(path, columns), file=self.display(path))
        except InputError as error:
            raise InputError(self.displayed(error.problems)) from error

    def record(self, path: Path) -> None:
        """Remember a file that the result depends on."""
        if path not in self.used:
            content = path.read_bytes()
            self.used[path] = InputFile(
                name=self.display(path), path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest()
            )

    def display(self, path: Path) -> str:
        """Return how messages name a file: by its place in the scenario's folder, else with its folder."""
        if path.is_relative_to(self.folders[0]):
            return str(path.relative_to(self.folders[0]))
        return f"{path.parent.name}/{path.name}"

    def displayed(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return problems with short file names."""
        short = []
        for one in problems:
            reason = one.reason
            for folder in (*self._networks, *self.folders):
                reason = reason.replace(f"{folder}/", "")
            file = self.display(Path(one.file)) if Path(one.file).is_absolute() else one.file
            short.append(replace(one, file=file, reason=reason))
        return short

    def _inside(self, name: str) -> Path | None:
        """Return an existing path inside one of the folders, or None."""
        if "\0" in name:
            raise InputError(Problem(reason="a file name holds a NUL character"))
        if Path(name).is_absolute():
            raise InputError(Problem(reason=f"{name!r} is an absolute path", remedy="use a relative path"))
        if ".." in Path(name).parts:
            remedy = "copy the file into the scenario's folder"
            raise InputError(Problem(reason=f"{name!r} leaves the scenario's folder", remedy=remedy))
        for folder in self.folders:
            path = folder / name
            if _exists(path):
                _check_member(folder, path)
                return path
        return None

    def _beside(self, name: str) -> str:
        known = sorted({path.name for folder in self.folders for path in folder.glob("*.csv")})
        return did_you_mean(name, known) if known else "put it into the scenario's folder"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that the file system cannot hold
        return False


def _check_member(folder: Path, path: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        reason = f"{path.name!r} is a symbolic link that leaves the scenario's folder"
        raise InputError(Problem(reason=reason, remedy="copy the target"))


def _check_regular(path: Path) -> None:
    if not path.is_file():
        raise InputError(Problem(reason=f"{path.name!r} is not a regular file", remedy="name a file"))
    if (size := path.stat().st_size) > MAX_FILE_MB * _MEGABYTE:
        reason = f"{path.name!r} has {size / _MEGABYTE:.0f} MB, at most {MAX_FILE_MB} are read"
        raise InputError(Problem(reason=reason, remedy="split or shorten the file"))
