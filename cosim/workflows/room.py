"""Room on the disk: what a run takes, and whether it is there before anything is computed."""

from __future__ import annotations

import os
from pathlib import Path

from cosim.errors import StorageError
from cosim.scenario.case import SimulationCase

BYTES_PER_ROW = 60
"""Disk per table row, measured on the shipped scenarios (Parquet, one file a period and one for the run)."""
BYTES_PER_PERIOD = 65_536
"""Disk of a period's files whatever they hold: a dozen of them, in blocks."""
REPORT_BYTES = 5_000_000
"""The report, with the script that draws its figures."""
TIMES = 3
"""How often an estimate must fit into what is free."""


def estimated_bytes(case: SimulationCase, *, report: bool = True) -> int:
    """Return what a run of a case takes on the disk, about: periods x (buses + lines + links + paths + devices)."""
    rows, steps = 1, 0
    if case.roads is not None:
        rows += len(case.roads.network.link_ids) + len(case.roads.paths)
        if case.microsim.mode != "off":  # stations by the minute, vehicles
            steps = len(case.roads.stations) * case.timeline.period_min + int(case.roads.demand_vph.sum(axis=1).max())
    if case.dispatch is not None:
        rows += case.dispatch.feeder.n_buses + case.dispatch.feeder.n_lines + len(case.dispatch.devices)
    per_period = 2 * (rows + steps) * BYTES_PER_ROW + BYTES_PER_PERIOD
    return case.timeline.periods * per_period + (REPORT_BYTES if report else 0)


def require_room(folder: Path, needed: int = 0) -> None:
    """Refuse a run whose folder cannot be made, or that the disk has no room for; nothing is left behind.

    Parameters
    ----------
    folder
        Of the run; its nearest parent that exists is asked.
    needed
        Estimate, bytes; it must be free `TIMES` times over.

    Raises
    ------
    StorageError
        Naming what is free and what is asked for.
    """
    place = next(parent for parent in folder.absolute().parents if parent.exists())
    try:
        disk = os.statvfs(place)
    except OSError as error:
        raise StorageError(f"run folder '{folder}' cannot be made: {error.strerror}") from error
    if disk.f_flag & os.ST_RDONLY or not os.access(place, os.W_OK | os.X_OK):
        raise StorageError(f"run folder '{folder}' cannot be made: '{place}' is read-only; choose another with --out")
    free = disk.f_bavail * disk.f_frsize
    if free < TIMES * needed:
        raise StorageError(
            f"'{place}' has {free / 1e6:,.1f} MB free; this run takes about {needed / 1e6:,.1f} MB, and {TIMES} times "
            "that must be free; free some, choose another disk with --out, or leave the report out (--no-report)"
        )
