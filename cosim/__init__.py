"""Co-simulation of electric-vehicle traffic and the distribution grid.

Names are loaded when they are first used, so that importing the package is quick.

Examples
--------
>>> import cosim
>>> result = cosim.run("nguyen_ieee33")  # doctest: +SKIP
>>> result["buses"]  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

from cosim.version import __version__ as __version__

if TYPE_CHECKING:
    from cosim.errors import CosimError, InputError
    from cosim.reports.page import write_report as report
    from cosim.results.result import Result
    from cosim.results.store import RunResult, load
    from cosim.scenario.case import build_case
    from cosim.scenario.load import load as load_scenario
    from cosim.studies.python import load_study, sweep
    from cosim.workflows.assign import assign
    from cosim.workflows.check import check
    from cosim.workflows.compare import compare
    from cosim.workflows.fork import fork
    from cosim.workflows.grade import grade
    from cosim.workflows.plan import plan
    from cosim.workflows.resume import resume
    from cosim.workflows.run import run
    from cosim.workflows.validate import validate
    from cosim.workflows.verify import verify

__all__ = [
    "CosimError",
    "InputError",
    "Result",
    "RunResult",
    "assign",
    "build_case",
    "check",
    "compare",
    "fork",
    "grade",
    "load",
    "load_scenario",
    "load_study",
    "plan",
    "report",
    "resume",
    "run",
    "sweep",
    "validate",
    "verify",
]

_HOMES = {
    "CosimError": ("cosim.errors", "CosimError"),
    "InputError": ("cosim.errors", "InputError"),
    "Result": ("cosim.results.result", "Result"),
    "RunResult": ("cosim.results.store", "RunResult"),
    "assign": ("cosim.workflows.assign", "assign"),
    "build_case": ("cosim.scenario.case", "build_case"),
    "check": ("cosim.workflows.check", "check"),
    "compare": ("cosim.workflows.compare", "compare"),
    "fork": ("cosim.workflows.fork", "fork"),
    "grade": ("cosim.workflows.grade", "grade"),
    "load": ("cosim.results.store", "load"),
    "load_scenario": ("cosim.scenario.load", "load"),
    "load_study": ("cosim.studies.python", "load_study"),
    "plan": ("cosim.workflows.plan", "plan"),
    "report": ("cosim.reports.page", "write_report"),
    "resume": ("cosim.workflows.resume", "resume"),
    "run": ("cosim.workflows.run", "run"),
    "sweep": ("cosim.studies.python", "sweep"),
    "validate": ("cosim.workflows.validate", "validate"),
    "verify": ("cosim.workflows.verify", "verify"),
}
_FORMER = {"summarise": ("cosim.reports.summary", "summarise", "result.summary()")}
"""Names of earlier versions that still work, where they live, and what takes their place."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the public names are of many kinds
    if name in _FORMER:
        module, attribute, instead = _FORMER[name]
        warnings.warn(f"cosim.{name} goes away; use {instead}", DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module(module), attribute)
    if name not in _HOMES:
        raise AttributeError(f"module 'cosim' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
