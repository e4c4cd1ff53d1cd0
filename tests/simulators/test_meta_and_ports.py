"""META of every simulator: accepted by the installed mosaik, and the same as the vocabulary of ports."""

import importlib

import mosaik
import pytest

from cosim.quantities import PORTS, ports
from cosim.simulators import SIM_CONFIG

NAMES = {name.lower(): start["python"] for name, start in SIM_CONFIG.items()}
ROOT = {"traffic": "Road", "dispatch": "Dispatch", "grid": "Grid", "profiles": "Series", "recorder": "Recorder"}
ROOT |= {"sumo": "Micro", "measured": "Measured"}


def simulator_class(name):
    module, attribute = NAMES[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def scenario_of(name):
    return "ieee33_grid_only" if name in {"profiles", "dispatch", "grid", "measured"} else "nguyen_traffic_only"


@pytest.mark.parametrize("name", NAMES)
def test_the_installed_mosaik_accepts_and_starts_it_by_name(name):
    with mosaik.World({"Sim": {"python": NAMES[name]}}, skip_greetings=True, configure_logging=False) as world:
        started = world.start("Sim", scenario=scenario_of(name))
        model = getattr(started, ROOT[name])
        entities = model.create(3) if name == "profiles" else [model()]
        found = {e.type for root in entities for e in (root, *root.children)}
        eids = [e.eid for root in entities for e in (root, *root.children)]
        assert found <= set(ports(name))
        assert len(set(eids)) == len(eids)
        assert started.status() == {"periods_done": 0, "error": ""}


@pytest.mark.parametrize("name", NAMES)
def test_meta_lists_exactly_the_ports(name):
    meta = simulator_class(name)().meta
    assert meta["api_version"] == "3.0"
    for entity, rows in ports(name).items():
        model = meta["models"][entity]
        assert model["public"] == (entity == ROOT[name])
        assert sorted(model["attrs"]) == sorted(row.name for row in rows)
        if meta["type"] == "hybrid":
            assert sorted(model["trigger"]) == sorted(row.name for row in rows if row.kind == "trigger")
            assert sorted(model["non-persistent"]) == sorted(row.name for row in rows if row.kind == "event")
        else:
            assert {row.kind for row in rows} <= {
                "time-based": {"input", "output"},
                "event-based": {"trigger", "event"},
            }[meta["type"]]
    assert set(meta["models"]) == set(ports(name))


def test_every_port_belongs_to_a_simulator_that_can_be_started():
    assert {port.simulator for port in PORTS} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_two_roots_and_unknown_parameters_are_refused(name):
    with mosaik.World({"Sim": {"python": NAMES[name]}}, skip_greetings=True, configure_logging=False) as world:
        with pytest.raises(Exception, match="unknown parameter capacity"):
            world.start("Sim", scenario=scenario_of(name), capacity=3)
        with pytest.raises(Exception, match=r"there is one|gives \d+ series, not 2"):
            getattr(world.start("Sim", scenario=scenario_of(name)), ROOT[name]).create(2)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_scenario_it_says_what_to_give(name):
    with pytest.raises(Exception, match=f"{name}: start it with scenario="):
        simulator_class(name)().init("Sim-0")


@pytest.mark.parametrize(
    ("name", "scenario", "lacks"),
    [("traffic", "ieee33_grid_only", "roads"), ("dispatch", "nguyen_traffic_only", "grid")]
    + [("grid", "nguyen_traffic_only", "grid")],
)
def test_half_a_scenario_is_refused_by_the_simulator_of_the_other_half(name, scenario, lacks):
    with pytest.raises(Exception, match=f"'{scenario}' has no {lacks}"):
        simulator_class(name)().init("Sim-0", scenario=scenario)
