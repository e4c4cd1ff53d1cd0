"""Positions of tap changers for the day of a scenario, and the feeder of the net that is set so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.forms import key_of
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.taps import TapChoice, choose_taps
from cosim.errors import InputError
from cosim.scenario.grid_net import grid_of, retapped, taps_of
from cosim.scenario.load import LoadedScenario
from cosim.scenario.station_trafos import of_stations


def tapped(loaded: LoadedScenario, case: DispatchCase, charging_mw: Array) -> tuple[DispatchCase, TapChoice]:
    """Return the day with its tap changers where they are best, and the choice; made once.

    What is charged is foreseen as the day's total, spread evenly over the stations. The net itself is set so, reduced
    and proved anew: all that follows, the AC check first of all, is of that net.

    Parameters
    ----------
    loaded
        The scenario, whose grid is a net.
    case
        Its day with the taps of the net.
    charging_mw
        Charging load of all stations together, shape (T,).

    Raises
    ------
    InputError
        If the grid has no tap changers, or such as cannot be chosen.
    """
    scenario, files = loaded.scenario, loaded.files
    grid, settings, trafos = scenario.grid, scenario.feeder, of_stations(scenario.stations)
    if grid is None or settings is None:
        raise InputError("taps are of a grid, and the scenario has none")

    def chosen() -> tuple[DispatchCase, TapChoice]:
        taps, stations = taps_of(grid, settings, files, trafos), len(case.station_buses)
        ev_mw = np.repeat(charging_mw[None, :], stations, axis=0) / max(stations, 1)
        found = choose_taps(case, taps, ev_mw)
        old = grid_of(grid, settings, files, trafos)
        feeder = retapped(grid, settings, files, old, taps, found.position, trafos).feeder
        feeder = feeder if settings.current_limits else feeder.without_current_limits()
        return replace(case, feeder=feeder), found

    return files.once(("taps", key_of((case, charging_mw))), chosen)


def told(choice: TapChoice) -> str:
    """Return the choice in a sentence."""
    moves = [
        f"{name} from {before} to {after}"
        for name, before, after in zip(choice.taps.names, choice.taps.position, choice.position, strict=True)
    ]
    if not moves:
        return "taps: no transformer has tap_min below tap_max and a tap_changer_type (grid.tap_changer_type gives one)"
    if not np.isfinite(choice.cost):
        return "taps: no position that was tried has a sound plan for the day; they stay where the net has them"
    near = "; positions beside those of free ratios were tried"
    least = f", and cannot cost less than {choice.bound:.6g} with any" if np.isfinite(choice.bound) else ""
    return (
        f"taps: {', '.join(moves)} ({choice.operations} steps); the day foreseen costs {choice.cost:.6g}{least}{near}"
    )
