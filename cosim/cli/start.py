"""How a process of the command line starts: without what no command needs, which is a third of the time it takes."""

from __future__ import annotations

import gc
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from cosim.grid.lean import without_plots

_YOUNG = 100_000
"""Objects made before cycles are looked for among them: the packages to load make half a million that stay."""
_STATISTICS = "scipy.stats"


def lean() -> None:
    """Look for cycles seldom, and put off matplotlib and scipy's statistics.

    One atom of cvxpy's that no dispatch has in it, the entropy of quantum states, imports all of scipy's statistics.
    """
    gc.set_threshold(_YOUNG, 10, 10)
    without_plots()
    sys.modules.setdefault(_STATISTICS, _Later(_STATISTICS))


class _Later(ModuleType):
    """Stands for scipy's statistics until somebody uses them."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        scipy = find_spec(name.partition(".")[0])  # finds it, does not load it
        folders = (scipy.submodule_search_locations if scipy is not None else None) or []
        self.__path__ = [str(Path(folder) / name.partition(".")[2]) for folder in folders]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the package holds
        return _entropy if name == "entropy" else getattr(_statistics(), name)


def _entropy(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - scipy's own
    return _statistics().entropy(*given, **named)


def _statistics() -> ModuleType:
    if isinstance(sys.modules.get(_STATISTICS), _Later):
        del sys.modules[_STATISTICS]
    import scipy.stats

    return scipy.stats
