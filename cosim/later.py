"""Parts of other packages that are loaded when somebody uses them, not when somebody names them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_USED = ("__all__", "__version__")
"""Names of two underscores that only those ask for who use a module."""


class Later(MetaPathFinder):
    """Finds the modules that can wait, if it stands before the other finders on ``sys.meta_path``.

    Such a module is there as soon as it is imported, with its name and its folder, so that its parts can be imported
    by themselves. The first look at anything else that it holds loads it, where it stands.

    Parameters
    ----------
    waiting
        Names of the modules, each with what others take from it only to call it later, or to write a type: that is no
        use yet.
    """

    def __init__(self, waiting: Mapping[str, Sequence[str]]) -> None:
        self.waiting = waiting

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a module that can wait is loaded; None of any other."""
        if fullname not in self.waiting:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Waits(spec.loader, self.waiting[fullname])
        return spec


class _Waits(Loader):
    """Makes a module that is loaded at its first use, by one thread; another one that uses it meanwhile waits."""

    def __init__(self, loader: Loader, called: Sequence[str]) -> None:
        self.loader, self.called = loader, called
        self.lock, self.begun = threading.RLock(), False

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Waiting(spec.name, self)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing yet."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the loader can
        """Return what else the loader can: it is asked for the package's files, and for a source to show."""
        if name == "loader":
            raise AttributeError(name)
        return getattr(self.loader, name)

    def load(self, module: ModuleType) -> None:
        """Load the module behind the one above it, unless it is loaded or is being loaded: then it is half there."""
        above = sys.modules.get(module.__name__.rpartition(".")[0])
        if isinstance(above, _Waiting):
            above.waits.load(above)
        with self.lock:
            if not self.begun:
                self.begun = True
                try:
                    self.loader.exec_module(module)
                except BaseException:
                    self.begun = False
                    raise
                module.__class__ = ModuleType


class _Waiting(ModuleType):
    """A module until it is used."""

    waits: _Waits

    def __init__(self, name: str, waits: _Waits) -> None:
        super().__init__(name)
        self.waits = waits

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module holds
        if name in self.waits.called and not self.waits.begun:
            return _Taken(self, name)
        if name in _USED or not name.startswith("__"):  # other such names are asked of every module there is
            self.waits.load(self)
        return ModuleType.__getattribute__(self, name)

    def __dir__(self) -> list[str]:
        """Return the names that the module holds: who asks for them uses it."""
        self.waits.load(self)
        return list(ModuleType.__dir__(self))


class _Taken:
    """What was taken from a module that waits: loads it when it is called, and not where a type is written with it."""

    def __init__(self, module: _Waiting, name: str) -> None:
        self._module, self._name = module, name

    def __call__(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - the module's own
        self._module.waits.load(self._module)
        return getattr(self._module, self._name)(*given, **named)

    def __getitem__(self, key: object) -> _Taken:
        return self
