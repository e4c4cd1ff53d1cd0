"""The joint programme of `joint.py`, for the tests of this folder."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def joint():
    """Return the module with the reference: `hourly`, `solve_hour`, `solve_joint`."""
    name = "tests_coupling_joint"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("joint.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def hours(joint):
    """Return ``hours(name)``: a case of hours that stand alone, in which nothing or the lowest voltage binds."""
    from cosim.scenario.case import build_case
    from cosim.scenario.load import load

    cases = {
        "free": (),
        "binding": ("ev.share=0.6", "feeder.v_min_pu=0.9815"),
        "curtailed": ("ev.share=0.95", "feeder.v_min_pu=0.985"),
    }
    return {name: joint.hourly(build_case(load("nguyen_ieee33_coupled", sets))) for name, sets in cases.items()}
