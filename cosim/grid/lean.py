"""pandapower without what a power flow never asks for: two thirds of its imports, most of making an empty net."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.later import Later

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

_OTHER_STUDIES = ("estimation", "grid_equivalents", "networks", "plotting", "shortcircuit", "timeseries")
_FOR_PLOTS_AND_SHEETS = ("matplotlib", "matplotlib.pyplot", "openpyxl")
_NEVER_IN_PARTS = {"openpyxl"}
"""Packages whose parts begin with a look at the whole: whoever imports a part has to find nothing of it yet."""
_WAITING = {
    **dict.fromkeys([*(f"pandapower.{part}" for part in _OTHER_STUDIES), *_FOR_PLOTS_AND_SHEETS], ()),
    **dict.fromkeys(("deepdiff", "deepdiff.diff"), ("DeepDiff",)),  # to compare two nets
    "pandera": (),
    "pandera.typing": ("DataFrame", "Series"),  # in annotations alone
}


def pandapower() -> Any:  # noqa: ANN401 - the package has no types
    """Return pandapower; if nobody imported it before, its other parts, and plots, are loaded when they are used."""
    if "pandapower" not in sys.modules:
        finder, there = Later(_WAITING), set(sys.modules)
        sys.meta_path.insert(0, finder)
        try:
            import pandapower as lean
        finally:
            sys.meta_path.remove(finder)
            for name in _NEVER_IN_PARTS - there:
                sys.modules.pop(name, None)
        return lean
    import pandapower as known

    return known


def empty_net() -> pandapowerNet:
    """Return a net without anything, as ``pandapower.create_empty_network()`` does.

    pandapower makes each of its hundred tables of columns of objects and converts them one by one; with their types
    from the beginning they are the same.
    """
    pp = pandapower()
    kind = pp.auxiliary.pandapowerNet
    before = kind.__dict__["create_dataframes"]
    kind.create_dataframes = staticmethod(_tables)
    try:
        return pp.create_empty_network()
    finally:
        kind.create_dataframes = before


def _tables(structure: dict[str, Any]) -> dict[str, Any]:
    """Return the structure of a net with an empty table in the place of each mapping of columns to types."""
    import pandas as pd

    def table(columns: Mapping[str, Any]) -> pd.DataFrame:
        kinds: dict[str, Any] = {name: pd.api.types.pandas_dtype(kind) for name, kind in columns.items()}
        empty = {
            name: np.empty(0, dtype=kind) if isinstance(kind, np.dtype) else pd.array([], dtype=kind)
            for name, kind in kinds.items()
        }
        return pd.DataFrame(empty, index=pd.Index([], dtype=np.int64))

    return {name: table(item) if isinstance(item, dict) else item for name, item in structure.items()}
