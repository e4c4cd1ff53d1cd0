"""How a process of the command line starts: without what no command needs, which is a third of the time it takes."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from cosim.grid.lean import without_plots

_YOUNG = 100_000
"""Objects made before cycles are looked for among them: the packages to load make half a million that stay."""


def lean() -> None:
    """Look for cycles seldom, and put off matplotlib and two parts of scipy that others load and hardly ever call.

    One atom of cvxpy's that no dispatch has in it, the entropy of quantum states, loads all of scipy's statistics, and
    one of pandapower's controllers, the characteristic curve, all of its interpolation.
    """
    gc.set_threshold(_YOUNG, 10, 10)
    without_plots()
    sys.modules.setdefault("scipy.stats", _Later("scipy.stats", _statistics, ("entropy",)))
    called = ("interp1d", "PchipInterpolator")
    sys.modules.setdefault("scipy.interpolate", _Later("scipy.interpolate", _interpolation, called))


def _statistics() -> ModuleType:
    import scipy.stats

    return scipy.stats


def _interpolation() -> ModuleType:
    import scipy.interpolate

    return scipy.interpolate


class _Later(ModuleType):
    """Stands for a part of scipy until somebody uses it.

    Parameters
    ----------
    name
        The part.
    load
        Imports it.
    called
        What others take from it to call it: that alone is no use.
    """

    def __init__(self, name: str, load: Callable[[], ModuleType], called: tuple[str, ...]) -> None:
        super().__init__(name)
        scipy = find_spec(name.partition(".")[0])  # finds it, does not load it
        folders = (scipy.submodule_search_locations if scipy is not None else None) or []
        self.__path__ = [str(Path(folder) / name.partition(".")[2]) for folder in folders]
        self._load, self._called = load, called

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the part holds
        return partial(self._call, name) if name in self._called else getattr(self._loaded(), name)

    def _call(self, name: str, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - the part's own
        return getattr(self._loaded(), name)(*given, **named)

    def _loaded(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return self._load()
