"""Write a run, or a period of it, in another tool's format."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.dispatch.devices import traits_of
from cosim.errors import InputError, StorageError, UsageError
from cosim.exports import geography, tables
from cosim.grid.formats.pandapower_out import Generator, dispatched_net
from cosim.plugins import require_extra
from cosim.results.store import RunResult, load
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import load as load_scenario
from cosim.traffic.formats.writing import WRITERS, LoadedRoads

Write = Callable[[RunResult, int | None, Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A format.

    Attributes
    ----------
    what
        What it holds, for the help and the end of the command.
    ending
        Of the file's name; empty for a folder of files.
    write
        Writes to a path that nobody else uses yet.
    extra, packages
        What must be installed for it: extra of cosim, names of packages.
    one_period
        Whether it holds a single period.
    """

    what: str
    ending: str
    write: Write
    extra: str = ""
    packages: tuple[str, ...] = ()
    one_period: bool = False


def export(run: str | Path, form: str, out: str | Path | None = None, *, period: int | None = None) -> Path:
    """Write a run in a format of `DOORS`.

    Parameters
    ----------
    run
        Run folder.
    form
        Name of the format.
    out
        File or folder, which must not exist; None takes ``<run>.<ending>`` or ``<run>-<format>`` in the working folder.
    period
        The period of the formats that hold one (None: that with the most charging, or trips), or the only one of
        GeoJSON and GeoPackage. Tables hold all.

    Raises
    ------
    UsageError
        If the format is not known, the file exists, or a period is given for tables.
    InputError
        If the run has not what the format holds.
    DependencyError
        If a package of the format's extra is missing.
    StorageError
        If the run is damaged, or the file cannot be written; nothing half-written stays.
    """
    if form not in DOORS:
        raise UsageError(f"format {form!r} is none of {', '.join(DOORS)}")
    door, result = DOORS[form], load(run)
    if period is not None and form in _WHOLE_DAY:
        raise UsageError(f"--period belongs to {', '.join(sorted(set(DOORS) - _WHOLE_DAY))}; {form} holds all periods")
    require_extra(door.packages, door.extra)
    name = result.folder.resolve().name
    path = Path(out) if out is not None else Path(f"{name}{door.ending}" if door.ending else f"{name}-{form}")
    if path.exists() or path.is_symlink():
        raise UsageError(f"'{path}' exists; choose another with --out")
    chosen = _period(result, period) if door.one_period else period
    temporary = path.with_name(f".{path.name}.tmp{door.ending}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _discard(temporary)
        door.write(result, chosen, temporary)
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"'{path}' cannot be written: {error.strerror or error}") from error
    finally:
        _discard(temporary)
    return path


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _period(result: RunResult, period: int | None) -> int:
    """Return the period that is written: the one asked for, else the one with the most charging, or trips.

    Raises
    ------
    InputError
        If the run has no such period, or none at all.
    """
    if "periods" not in result:
        raise InputError("the run committed no period")
    numbers = [int(number) for number in result["periods"]["period"]]
    if period is not None:
        if period not in numbers:
            raise InputError(f"the run has no period {period}: {result.progress}")
        return period
    for table, column in (("stations", "p_demand_mw"), ("links", "flow_vph")):
        if table in result and column in result[table]:
            return int(result[table].groupby("period")[column].sum().idxmax())
    return numbers[0]


def _case(result: RunResult) -> SimulationCase:
    return build_case(load_scenario(result.folder / "scenario"))


def _folder(files: Mapping[str, bytes | str], path: Path) -> None:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _csv(result: RunResult, _: int | None, path: Path) -> None:
    _folder(tables.csv_files(result), path)


def _excel(result: RunResult, _: int | None, path: Path) -> None:
    longest = max((len(result[name]) for name in result.tables), default=0)
    if longest >= tables.MOST_ROWS:
        raise InputError(f"a table has {longest:,} rows, a sheet holds {tables.MOST_ROWS - 1:,}; export netcdf or csv")
    path.write_bytes(tables.workbook(result))


def _netcdf(result: RunResult, _: int | None, path: Path) -> None:
    tables.write_netcdf(result, path)


def _geojson(result: RunResult, period: int | None, path: Path) -> None:
    path.write_bytes(geography.geojson(geography.layers(result, period)))


def _geopackage(result: RunResult, period: int | None, path: Path) -> None:
    geography.write_geopackage(geography.layers(result, period), path)


def _pandapower(result: RunResult, period: int | None, path: Path) -> None:
    """Write the feeder with the loads and devices of a period; the upstream grid gives what the flow asks for."""
    case = _case(result)
    if case.dispatch is None or "buses" not in result:
        raise InputError("this run has no grid")
    feeder, kinds = case.dispatch.feeder, traits_of(result.manifest.get("kinds", {}))
    buses = result["buses"]
    buses = buses[buses["period"] == period].set_index("bus").loc[list(feeder.bus_ids)]
    devices = result["devices"]
    rows = devices[(devices["period"] == period)].to_dict("records")
    generators = [
        Generator(
            name=str(row["device"]), kind=str(row["kind"]), bus=str(row["bus"]), p_mw=float(row["p_mw"]),
            q_mvar=float(row["q_mvar"]),
        )
        for row in rows if kinds[str(row["kind"])].side == "generation"
    ]  # fmt: skip
    text = dispatched_net(feeder, buses["p_load_mw"].to_numpy(), buses["q_load_mvar"].to_numpy(), generators)
    path.write_text(text, encoding="utf-8")


def _roads(form: str) -> Write:
    def write(result: RunResult, period: int | None, path: Path) -> None:
        roads = _case(result).roads
        if roads is None or "links" not in result or period is None:
            raise InputError("this run has no roads")
        table = result["links"]
        table = table[table["period"] == period].set_index("link").reindex(list(roads.streets.link_ids))
        loaded = LoadedRoads(
            network=roads.streets, demand=roads.demand, period=period - 1,
            flow_vph=np.asarray(table["flow_vph"], dtype=np.float64),
            time_min=np.asarray(table["travel_time_min"], dtype=np.float64),
        )  # fmt: skip
        _folder(WRITERS[form](loaded), path)

    return write


DOORS: Mapping[str, Door] = {
    "csv": Door(what="all tables, one file each, and what their columns mean", ending="", write=_csv),
    "excel": Door(
        what="all tables as sheets", ending=".xlsx", write=_excel, extra="excel", packages=("openpyxl",)
    ),
    "netcdf": Door(
        what="all columns by period and id, with units", ending=".nc", write=_netcdf, extra="netcdf",
        packages=("xarray", "h5netcdf", "h5py"),
    ),
    "geojson": Door(what="roads, stations, buses and lines as features", ending=".geojson", write=_geojson),
    "gpkg": Door(
        what="the same for GIS programs, a layer a table", ending=".gpkg", write=_geopackage, extra="gis",
        packages=("pyogrio",),
    ),
    "pandapower": Door(
        what="the feeder with loads, devices and results", ending=".json", write=_pandapower, one_period=True
    ),
    "gmns": Door(what="roads, trips and flows", ending="", write=_roads("gmns"), one_period=True),
    "tntp": Door(what="roads, trips and flows", ending="", write=_roads("tntp"), one_period=True),
}  # fmt: skip
_WHOLE_DAY = {"csv", "excel", "netcdf"}
