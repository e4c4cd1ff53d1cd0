"""Discovery of devices, laws, methods and solver backends: the only dynamic import of the project.

A family is a package of ours plus an entry-point group for the user's own classes. Names from a scenario are
looked up in the result; they are never imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from cosim.errors import DependencyError
from cosim.guard import passes, said

T = TypeVar("T")


class UnusablePlugin(DependencyError, TypeError):
    """An installed package offers something that cannot be used."""


@cache
def discover(package: str, group: str, base: type[T]) -> dict[str, type[T]]:
    """Return the concrete subclasses of ``base`` by their ``kind``.

    Parameters
    ----------
    package
        Our own package; every module in it is read.
    group
        Entry-point group in which installed packages offer theirs, for example ``cosim.devices``.
    base
        The family's base class; its concrete subclasses have a class attribute ``kind``.

    Raises
    ------
    UnusablePlugin
        If two classes claim the same kind, or an entry point cannot be loaded, or is not a concrete subclass of
        ``base`` with a ``kind``.
    """
    found: dict[str, type[T]] = {}
    for module in modules(package).values():
        for _, candidate in inspect.getmembers(module, inspect.isclass):
            if candidate.__module__ == module.__name__:
                _register(found, candidate, base)
    for entry in entry_points(group=group):
        offered = _load(entry, group)
        if not (inspect.isclass(offered) and _is_member(offered, base)):
            raise UnusablePlugin(
                f"entry point {entry.name!r} of group {group!r} is no concrete {base.__name__} with an attribute kind"
            )
        _register(found, offered, base)
    return dict(sorted(found.items()))


def modules(package: str) -> dict[str, Any]:
    """Return the modules of one of our packages by name."""
    return {module.__name__.rpartition(".")[2]: module for module in each_module(package)}


def each_module(package: str) -> Iterator[Any]:
    """Yield the modules of one of our packages in the order of their names, each loaded when it is its turn."""
    root = importlib.import_module(package)
    for info in pkgutil.iter_modules(root.__path__):
        yield importlib.import_module(f"{package}.{info.name}")


class Catalogue(MutableMapping[str, type[T]]):
    """A family by ``kind``, discovered when it is first asked for.

    Not when its module is imported: a user's module that imports the family's base class would be asked for its own
    classes before it has any.

    Parameters
    ----------
    package, group, base
        As `discover` takes them.
    """

    def __init__(self, package: str, group: str, base: type[T]) -> None:
        self._discover: Callable[[], dict[str, type[T]]] = lambda: discover(package, group, base)  # type: ignore[arg-type] # a class
        self._found: dict[str, type[T]] | None = None

    def _members(self) -> dict[str, type[T]]:
        if self._found is None:
            self._found = dict(self._discover())
        return self._found

    def __getitem__(self, kind: str) -> type[T]:
        return self._members()[kind]

    def __setitem__(self, kind: str, member: type[T]) -> None:
        self._members()[kind] = member

    def __delitem__(self, kind: str) -> None:
        del self._members()[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members())

    def __len__(self) -> int:
        return len(self._members())


def _load(entry: EntryPoint, group: str) -> object:
    """Load an entry point; whatever its module does at import, it is told by name."""
    try:
        return entry.load()
    except BaseException as error:
        if passes(error):
            raise
        reason = f"entry point {entry.name!r} of group {group!r} cannot be loaded: it {said(error)}"
        raise UnusablePlugin(f"{reason}; repair or uninstall the package that offers it") from error


def require(packages: Iterable[str]) -> None:
    """Refuse to begin without packages that will be needed.

    Raises
    ------
    DependencyError
        Naming all that are missing.
    """
    if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
        plural = "s" if len(missing) > 1 else ""
        raise DependencyError(f"package{plural} {', '.join(missing)} missing; pip install {' '.join(missing)}")


def install_line(extra: str) -> str:
    """Return the line that installs an extra; the public index's ``cosim`` is an unrelated project.

    >>> install_line("figures")
    "pip install 'cosim-ptn[figures]'"
    """
    return f"pip install 'cosim-ptn[{extra}]'"


def require_extra(packages: Iterable[str], extra: str) -> None:
    """Refuse to begin without packages of an extra.

    Raises
    ------
    DependencyError
        Naming what is missing and the extra that brings it.
    """
    if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
        plural = "s" if len(missing) > 1 else ""
        raise DependencyError(f"package{plural} {', '.join(missing)} missing; {install_line(extra)}")


def _is_member(candidate: type, base: type) -> bool:
    return issubclass(candidate, base) and not inspect.isabstract(candidate) and hasattr(candidate, "kind")


def _register(found: dict[str, type[T]], candidate: type[Any], base: type[T]) -> None:
    if not _is_member(candidate, base):
        return
    kind: str = candidate.kind
    if kind in found and found[kind] is not candidate:
        raise UnusablePlugin(f"kind {kind!r} is claimed by {found[kind].__qualname__} and {candidate.__qualname__}")
    found[kind] = candidate
