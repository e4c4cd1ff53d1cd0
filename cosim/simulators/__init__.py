"""mosaik simulators: thin, one file each; usable alone in anybody's mosaik scenario.

`SIM_CONFIG` holds their start strings, by the name of the file; `REMOTE_CONFIG` those of a process of their own::

    world = mosaik.World({**SIM_CONFIG, "Sumo": REMOTE_CONFIG["Sumo"], ...})
"""

from __future__ import annotations

from pkgutil import iter_modules

SIM_CONFIG: dict[str, dict[str, str]] = {
    info.name.capitalize(): {"python": f"{__name__}.{info.name}:Simulator"}
    for info in iter_modules(__path__)
    if info.name != "base"
}
REMOTE_CONFIG: dict[str, dict[str, str]] = {
    name: {"cmd": f"%(python)s -m {__name__}.{name.lower()} %(addr)s"}
    for name in SIM_CONFIG
    if name not in ("Measured", "Recorder")  # they read records, which are no JSON
}
