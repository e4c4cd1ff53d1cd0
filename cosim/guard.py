"""What users plug in may raise anything, or end the process: it comes out as an error that names who did what."""

from __future__ import annotations

import functools
import inspect
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from cosim import watchdog
from cosim.errors import CosimError, DependencyError, PluginError
from cosim.supervision import is_signal

OURS = "cosim."
KIB_PER_MIB = 1024.0


def passes(error: BaseException) -> bool:
    """Whether an exception is one of ours, or a signal: nothing is to be said for it."""
    return isinstance(error, CosimError) or is_signal(error)


def words(error: BaseException) -> str:
    """Return kind and text of an exception; of one for want of memory also how much there was.

    >>> words(KeyError("x"))
    "KeyError: 'x'"
    """
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if not isinstance(error, MemoryError):
        return text
    most_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB
    return f"out_of_memory, at most {most_mib:.0f} MiB were in use ({text})"


def said(error: BaseException) -> str:
    """Return an exception as what somebody did.

    >>> said(ValueError("no root")), said(SystemExit(0))
    ('raised ValueError: no root', 'tried to end the process (SystemExit: 0)')
    """
    ends = isinstance(error, SystemExit | KeyboardInterrupt)
    return f"tried to end the process ({words(error)})" if ends else f"raised {words(error)}"


def blame(who: str, what: str, error: BaseException) -> CosimError:
    """Return the error to raise for what somebody else's code raised."""
    if isinstance(error, ImportError):
        return DependencyError(f"{who} needs a package that is not there ({error}); install it")
    return PluginError(who, f"{what} {said(error)}".strip())


class Guarded:
    """Base of what users may plug in.

    Methods that a user's class defines are wrapped once, when the class is made, wherever it is registered: what they
    raise, `SystemExit` included, becomes a `PluginError`. Classes of ours are left as they are.

    Attributes
    ----------
    family
        What it is, in a word.
    """

    family: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - a subclass's own
        super().__init_subclass__(**options)
        if f"{cls.__module__}.".startswith(OURS):
            return
        for name, member in list(vars(cls).items()):
            if name == "__init__" or not name.startswith("_"):
                setattr(cls, name, _guarded(cls, member))


def _guarded(owner: type[Guarded], member: Any) -> Any:  # noqa: ANN401 - any attribute of a class
    """Return a method that blames its owner; of anything else itself."""
    if isinstance(member, staticmethod | classmethod):
        inner = _guarded(owner, member.__func__)
        return member if inner is member.__func__ else type(member)(inner)
    if not inspect.isfunction(member) or getattr(member, "__isabstractmethod__", False) or hasattr(member, "guarded"):
        return member
    function: Callable[..., Any] = member
    what = "could not be made:" if member.__name__ == "__init__" else f"{member.__name__}()"

    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - the method's
        with _called(lambda: f"{_who(owner, args)}: {what}"):
            try:
                return function(*args, **named)
            except BaseException as error:
                if passes(error):
                    raise
                raise blame(_who(owner, args), what, error) from error

    @functools.wraps(function)
    def generate(*args: Any, **named: Any) -> Iterator[Any]:  # noqa: ANN401 - the method's
        with _called(lambda: f"{_who(owner, args)}: {what}"):
            try:
                yield from function(*args, **named)
            except GeneratorExit:
                raise
            except BaseException as error:
                if passes(error):
                    raise
                raise blame(_who(owner, args), what, error) from error

    wrapped: Any = generate if inspect.isgeneratorfunction(function) else call
    wrapped.guarded = True
    return wrapped


@contextmanager
def _called(who: Callable[[], str]) -> Iterator[None]:
    """Let the watchdog know whose code runs."""
    life = watchdog.life()
    before, life.call = life.call, who
    life.beats += 1
    try:
        yield
    finally:
        life.call = before


def _who(owner: type[Guarded], args: tuple[Any, ...]) -> str:
    """Return family, name if it has one, kind and class of what was called."""
    name = getattr(getattr(args[0], "settings", None), "name", "") if args else ""
    kind = f"{owner.family} {name!r} of kind" if name else owner.family
    return f"{kind} {getattr(owner, 'kind', owner.__name__)!r} ({owner.__module__}.{owner.__qualname__})"
