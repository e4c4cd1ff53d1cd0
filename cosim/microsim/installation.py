"""Where SUMO's own programs are: inside the wheel, not the launchers on PATH."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cosim.errors import DependencyError

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
"""What of the environment SUMO is given; no licences, no names of hosts."""


def sumo_home() -> Path:
    """Return the folder of the installed SUMO.

    Raises
    ------
    DependencyError
        If the package is missing.
    """
    try:
        import sumo
    except ImportError as error:
        raise DependencyError("package eclipse-sumo is missing: pip install eclipse-sumo") from error
    return Path(sumo.SUMO_HOME)


def sumo_binary(program: str = "sumo") -> Path:
    """Return the path of ``sumo`` or ``netconvert``.

    The scripts on PATH are launchers: killing one leaves SUMO alive.

    Raises
    ------
    DependencyError
        If it is missing.
    """
    binary = sumo_home() / "bin" / program
    if not binary.is_file():
        raise DependencyError(f"'{binary}' is missing; install eclipse-sumo again")
    return binary


def sumo_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a SUMO program: what it needs, and SUMO_HOME."""
    return {name: environment[name] for name in PASSED_ON if name in environment} | {"SUMO_HOME": str(sumo_home())}
