"""pandapower without what a power flow never asks for, which is half of what importing it takes.

Its parts for other studies are loaded when somebody uses them. Its plots want matplotlib at once, which can only be
kept from it, so that they would not draw afterwards: only a process that says it needs no plots does without.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any

_LATER = ("estimation", "grid_equivalents", "networks", "shortcircuit", "timeseries")
_PLOTTING = "matplotlib"


class _Process:
    """What this process needs."""

    plots = True


def without_plots() -> None:
    """Do without pandapower's plots in this process; the command line draws none."""
    _Process.plots = False


def pandapower() -> Any:  # noqa: ANN401 - the package has no types
    """Return pandapower, imported leanly if nobody imported it before."""
    if "pandapower" in sys.modules:
        import pandapower as known

        return known
    with _lean():
        import pandapower as lean

        return lean


class _Later(MetaPathFinder):
    """Finds the parts that can wait, and puts their loading off to their first use."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, part = fullname.partition(".")
        if package != "pandapower" or part not in _LATER:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def _lean() -> Iterator[None]:
    finder = _Later()
    kept_away = not _Process.plots and _PLOTTING not in sys.modules  # None is how the import system spells "not there"
    sys.meta_path.insert(0, finder)
    if kept_away:
        sys.modules[_PLOTTING] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        if kept_away:
            del sys.modules[_PLOTTING]
