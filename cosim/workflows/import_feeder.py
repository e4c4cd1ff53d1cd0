"""Bring a feeder of another tool into our three tables, and check it by reading and solving it."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cosim.errors import InputError, Problem, StorageError, UsageError
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.grid.formats.feeder_tables import FeederTables, Supply, write_tables
from cosim.grid.formats.matpower import read_matpower
from cosim.grid.formats.pandapower_json import read_pandapower
from cosim.grid.formats.parallel_lines import merged
from cosim.grid.model import read_feeder
from cosim.grid.state import GridState

READERS: dict[str, Callable[[Path | str], FeederTables]] = {"pandapower": read_pandapower, "matpower": read_matpower}
USUAL_PU = (0.95, 1.05)
"""Limits that are suggested for buses which bring none of their own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImportedFeeder:
    """A feeder that was written.

    Attributes
    ----------
    folder
        Where its tables lie.
    tables, feeder
        What was read, and the feeder as a scenario will see it.
    state
        AC power flow of its nominal load.
    """

    folder: Path
    tables: FeederTables
    feeder: Feeder
    state: GridState

    @property
    def scenario_lines(self) -> tuple[str, ...]:
        """Lines of a scenario that uses the feeder, with the voltage limits and the supply's of the file."""
        limits, (low, high) = _limits(self.tables), _others_limits(self.tables)
        kept = "voltage_limits: file" if any(limits) else ""
        missing = "" if all(limits) else f"v_min_pu: {low:g}, v_max_pu: {high:g}"
        supply = ", ".join(supply_settings(self.tables.supply))
        return (
            f"grid: {self.folder.name}",
            f"feeder: {{slack_bus: {self.tables.slack_bus}, slack_vm_pu: {self.tables.slack_vm_pu:g}, "
            f"{', '.join(filter(None, (kept, missing)))}}}",
            *((f"devices: [{{kind: substation, name: grid, {supply}}}]",) if supply else ()),
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was left out, merged, evaluated or read in a way that the user should know."""
        return (*self.tables.remarks, *supply_remarks(self.tables.supply, float(self.feeder.p_mw.sum())))


def import_feeder(source: str, file: Path | str, out: Path | str) -> ImportedFeeder:
    """Read a file of another tool and write ``bus.csv``, ``line.csv``, ``load.csv``.

    Parameters
    ----------
    source
        ``pandapower`` (JSON of ``pandapower.to_json``) or ``matpower`` (case file).
    file
        The file; it is read as data, never executed.
    out
        New or empty folder.

    Raises
    ------
    InputError
        With everything that the radial single-phase model cannot carry, by name and element.
    UsageError
        If the format is unknown or the folder holds anything.
    """
    if source not in READERS:
        raise UsageError(f"format {source!r} is unknown; known: {', '.join(READERS)}")
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"'{folder}' is not an empty folder; choose another")
    tables = merged(READERS[source](Path(file)))
    feeder = _written(tables, folder, Path(file).name)
    state = AcFlow(feeder).solve(-feeder.p_mw, -feeder.q_mvar)
    return ImportedFeeder(folder=folder, tables=tables, feeder=feeder, state=state)


def _written(tables: FeederTables, folder: Path, name: str) -> Feeder:
    """Write the tables beside the target, read them back, and only then move them there."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".import-") as temporary:
            staged = Path(temporary) / "feeder"
            write_tables(tables, staged)
            try:
                feeder = _read_back(tables, staged, folder.name)
            except InputError as error:
                raise InputError(_told(problem, name) for problem in error.problems) from None
            folder.mkdir(exist_ok=True)
            for path in sorted(staged.iterdir()):
                shutil.move(path, folder / path.name)
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be written: {error.strerror}") from error
    return feeder


def _read_back(tables: FeederTables, folder: Path, name: str) -> Feeder:
    low, high = _others_limits(tables)
    return read_feeder(
        folder, slack_bus=tables.slack_bus, slack_vm_pu=tables.slack_vm_pu, base_mva=max(tables.base_mva, 1e-3),
        v_min_pu=low, v_max_pu=high, own_limits=True, name=name,
    )  # fmt: skip


def _limits(tables: FeederTables) -> list[bool]:
    """Return which buses bring both limits."""
    return [row["min_vm_pu"] is not None and row["max_vm_pu"] is not None for row in tables.bus]


def _others_limits(tables: FeederTables) -> tuple[float, float]:
    """Return the widest limits that a bus of the file has, the usual ones where it has none."""
    low, high = (
        [float(value) for row in tables.bus if isinstance(value := row[name], int | float)]
        for name in ("min_vm_pu", "max_vm_pu")
    )
    least, most = (min(low) if low else USUAL_PU[0]), (max(high) if high else USUAL_PU[1])
    return (least, most) if least < most else USUAL_PU


def supply_settings(supply: Supply) -> Iterator[str]:
    """Yield the settings of a substation that keeps the supply's limits of active power."""
    if 0.0 <= supply.p_max_mw < math.inf:
        yield f"import_max_mw: {supply.p_max_mw:g}"
    if 0.0 <= supply.p_min_mw < math.inf:
        yield "export: false"
    elif supply.p_min_mw > -math.inf:
        yield f"export_max_mw: {-supply.p_min_mw:g}"


def supply_remarks(supply: Supply, load_mw: float) -> Iterator[str]:
    """Yield what of the supply's limits the tables do not hold."""
    numbers = {
        "Pmin": (supply.p_min_mw, "MW"), "Pmax": (supply.p_max_mw, "MW"),
        "Qmin": (supply.q_min_mvar, "Mvar"), "Qmax": (supply.q_max_mvar, "Mvar"),
    }  # fmt: skip
    given = [f"{name} {value:g} {unit}" for name, (value, unit) in numbers.items() if math.isfinite(value)]
    if given:
        kept = "the substation below keeps those of P" if any(supply_settings(supply)) else "give a device"
        yield f"the supply's limits are not carried ({', '.join(given)}): {kept}, none can keep those of Q"
    if supply.p_max_mw < load_mw:
        yield f"the supply's Pmax {supply.p_max_mw:g} MW is below the nominal load of {load_mw:g} MW"
    if 0.0 < supply.p_min_mw < math.inf:
        yield f"the supply's Pmin {supply.p_min_mw:g} MW is a least import, which the substation does not have"


def _told(problem: Problem, name: str) -> Problem:
    """Return a mistake of the staged tables as one of the imported file."""
    table = Path(problem.file).name
    return replace(problem, file=f"{name} ({table})" if table else name)
