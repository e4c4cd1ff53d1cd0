"""Look at the installation: versions, SUMO, solvers, licences, a smoke solve."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cosim.dispatch.backends.licences import gurobi
from cosim.errors import CosimError
from cosim.results.manifest import versions

MINIMUM_PYTHON = (3, 11)
SUMO_PACKAGES = ("eclipse-sumo", "sumolib", "traci")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``ok``, ``info`` or ``problem``."""

    what: str
    state: Literal["ok", "info", "problem"]
    detail: str


def doctor() -> list[Finding]:
    """Return findings on Python, packages, SUMO, solvers and licences."""
    findings = [_python()]
    for package, found in versions().items():
        findings.append(Finding(package, "problem" if found == "missing" else "ok", found))
    findings += [_sumo_versions(), _sumo_binary(), _smoke_solve(), _gurobi()]
    return findings


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", "ok" if sys.version_info >= MINIMUM_PYTHON else "problem", found)


def _sumo_versions() -> Finding:
    """Check that SUMO and its Python clients are of one version."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in SUMO_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            return Finding("SUMO packages", "problem", f"{package} is missing: pip install {package}")
    same = len(set(found.values())) == 1
    return Finding("SUMO packages", "ok" if same else "problem", ", ".join(f"{k} {v}" for k, v in found.items()))


def _sumo_binary() -> Finding:
    """Start ``sumo --version`` from the wheel; the launcher on PATH is not used."""
    if importlib.util.find_spec("sumo") is None:
        return Finding("SUMO binary", "problem", "package eclipse-sumo is missing: pip install eclipse-sumo")
    import sumo

    home = Path(sumo.SUMO_HOME)
    binary = home / "bin" / "sumo"
    try:
        done = subprocess.run(  # noqa: S603 - the wheel's own binary
            [str(binary), "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            env={**os.environ, "SUMO_HOME": str(home)},
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("SUMO binary", "problem", f"{binary} does not start: {error}")
    return Finding("SUMO binary", "ok", done.stdout.splitlines()[0])


def _smoke_solve() -> Finding:
    """Solve and verify one period of the shipped grid-only scenario."""
    try:
        from cosim.dispatch.controller import Controller
        from cosim.scenario.case import build_case
        from cosim.scenario.load import load

        case = build_case(load("ieee33_grid_only", ["dispatch.mode=single_period"]))
        if case.dispatch is None or case.given_load_mw is None:
            return Finding("smoke solve", "problem", "the shipped grid-only scenario has no dispatch")
        plan = Controller(case.dispatch).plan(0, case.given_load_mw[:, :1])
    except CosimError as error:
        return Finding("smoke solve", "problem", str(error))
    record = plan.record
    state: Literal["ok", "problem"] = "ok" if record.status == "optimal" else "problem"
    return Finding("smoke solve", state, f"{record.backend}: {record.raw_status}, {record.iterations} iterations")


def _gurobi() -> Finding:
    licence = gurobi()
    detail = " ".join(part for part in (licence.version, f"{licence.kind} licence", licence.detail) if part)
    if licence.kind == "missing":
        detail = f"not installed ({licence.detail})"
    return Finding("Gurobi", "info", f"{detail}; not needed")
