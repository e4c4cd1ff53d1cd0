"""mosaik simulators: thin, one file each; usable alone in anybody's mosaik scenario.

`SIM_CONFIG` holds their start strings, by the name of the file::

    world = mosaik.World({**SIM_CONFIG, ...})
"""

from __future__ import annotations

from pkgutil import iter_modules

SIM_CONFIG: dict[str, dict[str, str]] = {
    info.name.capitalize(): {"python": f"{__name__}.{info.name}:Simulator"}
    for info in iter_modules(__path__)
    if info.name != "base"
}
