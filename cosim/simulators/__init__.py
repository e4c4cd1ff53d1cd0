"""mosaik simulators: thin, one file each; usable alone in anybody's mosaik scenario.

`SIM_CONFIG` holds their start strings::

    world = mosaik.World({**SIM_CONFIG, ...})
"""

from __future__ import annotations

SIM_CONFIG: dict[str, dict[str, str]] = {
    "Traffic": {"python": "cosim.simulators.traffic:Simulator"},
    "Dispatch": {"python": "cosim.simulators.dispatch:Simulator"},
    "Grid": {"python": "cosim.simulators.grid:Simulator"},
    "Sumo": {"python": "cosim.simulators.sumo:Simulator"},
    "Measured": {"python": "cosim.simulators.measured:Simulator"},
    "Profiles": {"python": "cosim.simulators.profiles:Simulator"},
    "Recorder": {"python": "cosim.simulators.recorder:Simulator"},
}
