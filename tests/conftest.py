"""Settings that all tests share."""

import fcntl
import os
import signal
from functools import cache

import pytest
from hypothesis import settings

# A shared machine may be slow for a moment; pytest's own timeout catches what hangs.
settings.register_profile("cosim", deadline=None)
settings.load_profile("cosim")

RUNS = {
    "sequential": ("nguyen_ieee33", ()),
    "iterated": ("nguyen_ieee33", ("coupling.mode=iterated", "coupling.ev_price=nodal")),
    "day_ahead": ("nguyen_ieee33", ("dispatch.mode=day_ahead",)),
}
SMALL = """\
schema: 1
title: Six hours of the default day, from its busiest to its quietest
extends: nguyen_ieee33
periods: 6
traffic: {demand_profile: [1.0, 0.9, 0.7, 0.5, 0.3, 0.2]}
feeder: {load_profile: [0.9, 1.0, 0.95, 0.8, 0.6, 0.5]}
devices:
  pv: {available_mw: [0.3, 0.1, 0.0, 0.0, 0.0, 0.0]}
  wind: {available_mw: [0.2, 0.3, 0.3, 0.35, 0.4, 0.4]}
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Return ``finished(name)``: one of `RUNS` or a shipped scenario, simulated once for all test processes."""
    from cosim.results.store import load
    from cosim.workflows.run import run

    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    @cache
    def get(name):
        folder = base / f"finished-{name}"
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "run.json").exists():
                scenario, overrides = RUNS.get(name, (name, ()))
                run(scenario, out=folder, overrides=overrides, report=False)
        return load(folder)

    return get


@pytest.fixture
def small(tmp_path):
    """Return ``small(extra)``: the path of a scenario of six periods, with further lines of YAML."""

    def written(extra=""):
        folder = tmp_path / "six_hours"
        folder.mkdir(exist_ok=True)
        path = folder / "scenario.yaml"
        path.write_text(SMALL + extra, encoding="utf-8")
        return path

    return written


@pytest.fixture(scope="session")
def small_case(tmp_path_factory):
    """Return ``small_case(*overrides)``: the same scenario as domain objects (frozen, hence shared)."""
    from cosim.scenario.case import build_case
    from cosim.scenario.load import load

    path = tmp_path_factory.mktemp("small") / "scenario.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return cache(lambda *overrides: build_case(load(path, overrides)))


@pytest.fixture
def cosim(capsys):
    """Return ``cosim(*arguments)``: exit code, standard output and standard error of a command."""
    from cosim import cli, supervision

    handlers = {number: signal.getsignal(number) for number in supervision.STOPPED}

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
