"""pandapower without what a power flow never asks for, which is two thirds of what importing it takes."""

from __future__ import annotations

import sys
from typing import Any

from cosim.later import Later

_OTHER_STUDIES = ("estimation", "grid_equivalents", "networks", "plotting", "shortcircuit", "timeseries")
_FOR_PLOTS_AND_SHEETS = ("matplotlib", "matplotlib.pyplot", "openpyxl")
_WAITING = {
    **dict.fromkeys([*(f"pandapower.{part}" for part in _OTHER_STUDIES), *_FOR_PLOTS_AND_SHEETS], ()),
    "pandera": (),
    "pandera.typing": ("DataFrame", "Series"),  # in annotations alone
}


def pandapower() -> Any:  # noqa: ANN401 - the package has no types
    """Return pandapower; if nobody imported it before, its other parts, and plots, are loaded when they are used."""
    if "pandapower" not in sys.modules:
        finder = Later(_WAITING)
        sys.meta_path.insert(0, finder)
        try:
            import pandapower as lean
        finally:
            sys.meta_path.remove(finder)
        return lean
    import pandapower as known

    return known
