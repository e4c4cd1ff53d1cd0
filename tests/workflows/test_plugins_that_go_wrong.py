"""An installed law, method or device that fails in any way ends with a code and a sentence that name it; never 0."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cosim.scenario.schema import Scenario, StationEntry
from cosim.traffic.laws import LAWS
from cosim.traffic.methods import METHODS
from cosim.traffic.methods.base import Method

ROOT = Path(__file__).parents[2]
PACKAGE = """
import os, shutil, sys
from dataclasses import dataclass
from typing import Literal
import numpy as np
from cosim.dispatch.devices.base import Device, Injection
from cosim.traffic.laws.base import Law, common_breaches

HOW = os.environ["HOW"]

def misbehave():
    if HOW == "raise":
        raise ValueError("no root")
    if HOW == "exit":
        sys.exit(0)
    if HOW == "remove":
        shutil.rmtree(os.environ["FOLDER"])

class OwnLaw(Law):
    kind = "own_law"
    def __init__(self, links):
        self.t0, self.capacity = links.free_flow_min, links.capacity_vph
    @staticmethod
    def breaches(links):
        yield from common_breaches(links)
    def value(self, flow_vph):
        if flow_vph.max() > 0.0:
            misbehave()
        return self.t0 + 0.01 * np.maximum(flow_vph, 0.0)
    def derivative(self, flow_vph):
        return np.full(np.shape(flow_vph), 0.01)
    def integral(self, flow_vph):
        return self.t0 * flow_vph + 0.005 * flow_vph**2

@dataclass(frozen=True, slots=True, kw_only=True)
class LampSettings:
    kind: Literal["lamp"] = "lamp"
    name: str
    bus: str

class Lamp(Device):
    kind = "lamp"
    Settings = LampSettings
    def declare(self):
        self.p_mw = self.variable()
    def load(self, window, state):
        if window.start == 1:
            misbehave()
    def constraints(self):
        yield self.p_mw == -0.001
    def injections(self):
        yield Injection(buses=(self.bus,), p_mw=self.p_mw)
    def power(self):
        return np.array(self.p_mw.value, dtype=float), np.zeros(self.frame.periods)
"""
ENTRIES = """\
[cosim.laws]
own = own_things:OwnLaw
[cosim.devices]
own = own_things:Lamp
"""
ROADS = ("nguyen_micro", "periods=2", "traffic.demand_profile=[1.0, 0.5]", "microsim.periods=[1]")
LAW, METHOD = (*ROADS, "stations.8.law=own_law"), (*ROADS, "traffic.method=own_method")
DEVICES = "devices=[{kind: substation, name: grid}, {kind: lamp, name: street, bus: '5'}]"
LAMP = ("ieee33_grid_only", "dispatch.mode=single_period", DEVICES)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package with a law and a device in one module; return ``installed(how, scenario, sets)``."""
    site = tmp_path / "site"
    (site / "own_things-1.0.dist-info").mkdir(parents=True)
    (site / "own_things.py").write_text(PACKAGE)
    (site / "own_things-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: own-things\nVersion: 1.0\n"
    )
    (site / "own_things-1.0.dist-info" / "entry_points.txt").write_text(ENTRIES)
    folder = tmp_path / "run"

    def run(how, scenario, *sets):
        environment = os.environ | {"PYTHONPATH": f"{ROOT}:{site}", "HOW": how, "FOLDER": str(folder)}
        command = [sys.executable, "-m", "cosim", "run", scenario, "--no-report", "--progress", "off", "--out", folder]
        command += [word for one in sets for word in ("--set", one)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment), folder

    return run


def judged(folder, code, told):
    stored = json.loads((folder / "run.json").read_text())
    assert (stored["status"], stored["exit_code"], stored["verdict"]["worst"]) == ("incomplete", code, code)
    assert [words for words in told if words not in stored["reasons"][-1]] == []
    return stored["periods"]["committed"]


@pytest.mark.parametrize(
    ("how", "scenario", "code", "told"),
    [
        ("exit", LAW, 7, ("law 'own_law' (own_things.OwnLaw)", "links '8'", "period 1", "simulator traffic")),
        ("raise", LAMP, 7, ("device 'street' of kind 'lamp'", "load() raised ValueError: no root", "period 2")),
        ("exit", LAMP, 7, ("device 'street' of kind 'lamp'", "end the process (SystemExit: 0)", "simulator dispatch")),
    ],
)
def test_what_is_installed_is_named_with_simulator_period_and_place(installed, how, scenario, code, told):
    done, folder = installed(how, *scenario)
    assert done.returncode == code, done.stderr
    assert [words for words in told if words not in done.stderr] == []
    assert "Traceback" not in done.stderr
    assert judged(folder, code, told) == (1 if scenario is LAMP else 0)


@pytest.fixture
def named(monkeypatch):
    """Return ``named()``: let scenarios name the laws that there are now."""

    def rebuilt():
        for model in (StationEntry, Scenario):
            model.model_rebuild(force=True)

    yield rebuilt
    monkeypatch.undo()
    rebuilt()


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        (ValueError("no root"), 7, "value() raised ValueError: no root"),
        (SystemExit(0), 7, "value() tried to end the process (SystemExit: 0)"),
        (KeyboardInterrupt(), 7, "value() tried to end the process (KeyboardInterrupt)"),
        (ImportError("no roots"), 4, "needs a package that is not there (no roots)"),
        (np.nan, 7, "gave nan for a flow of "),
        (np.inf, 7, "gave inf for a flow of "),
        (-1e3, 7, "gave a time of -9"),
        ("text", 7, "gave str of no numbers, shape (); must be an array of floats, shape (1,)"),
    ],
)
def test_a_law_of_another_kind_of_fault(cosim, named, monkeypatch, tmp_path, fault, code, told):
    class Own(LAWS["davidson"]):
        kind = "own_law"

        def value(self, flow_vph):
            if not flow_vph.max() > 0.0:
                return super().value(flow_vph)
            if isinstance(fault, BaseException):
                raise fault
            return fault if isinstance(fault, str) else super().value(flow_vph) + fault

    monkeypatch.setitem(LAWS, "own_law", Own)
    named()
    sets = [word for one in LAW[1:] for word in ("--set", one)]
    out = tmp_path / "run"
    found, _, err = cosim("run", LAW[0], *sets, "--no-report", "--progress", "off", "--out", out)
    assert found == code
    assert told in err
    if code != 4:
        assert judged(out, code, (told, "law 'own_law'", "'8'", "period 1", "simulator traffic")) == 0


@pytest.mark.parametrize(("fault", "told"), [(SystemExit(0), "run() tried to end"), (None, "returned NoneType, must")])
def test_a_method_that_goes_wrong(cosim, monkeypatch, tmp_path, fault, told):
    class Own(Method):
        kind = "own_method"

        @staticmethod
        def run(problem, start, tolerance, limit=5):
            if fault is not None:
                raise fault

    monkeypatch.setitem(METHODS, "own_method", Own)
    sets = [word for one in METHOD[1:] for word in ("--set", one)]
    out = tmp_path / "run"
    code, _, err = cosim("run", METHOD[0], *sets, "--no-report", "--progress", "off", "--out", out)
    assert code == 7
    assert told in err
    assert judged(out, 7, (told, "method 'own_method'", "period 1", "simulator traffic")) == 0


def test_a_run_folder_that_goes_away_is_8(installed):
    done, folder = installed("remove", *LAMP)
    assert done.returncode == 8, done.stderr
    assert f"error: period 2 cannot be written to '{folder}': No such file or directory" in done.stderr
    assert not folder.exists()


@pytest.mark.parametrize("package", ["pandapower", "cvxpy", "plotly", "mosaik"])
def test_a_missing_package_is_4_before_anything_is_written(cosim, monkeypatch, tmp_path, package):
    monkeypatch.setitem(sys.modules, package, None)
    code, _, err = cosim("run", "ieee33_grid_only", "--out", tmp_path / "run", "--progress", "off")
    assert code == 4
    assert package in err
    assert not (tmp_path / "run").exists()


def test_a_missing_package_of_another_command_is_4(cosim, finished, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    code, _, err = cosim("report", finished("sequential").folder)
    assert (code, err.splitlines()[0][:34]) == (4, "error: package 'jinja2' is missing")
