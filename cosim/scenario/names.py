"""Names of methods and solver backends, found without importing their libraries."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec


@cache
def choices(package: str, group: str) -> tuple[str, ...]:
    """Return the module names of a package of ours and the entry points of a group.

    >>> "newton" in choices("cosim.traffic.methods", "cosim.methods")
    True
    """
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    ours = {info.name for info in pkgutil.iter_modules(folders)} if folders else set()
    theirs = {entry.name for entry in entry_points(group=group)}
    return tuple(sorted(name for name in ours | theirs if name != "base" and not name.startswith("_")))
