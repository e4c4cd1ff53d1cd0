"""The examples of docs/mosaik.md with simulators that are none of ours: they run, and give the numbers they should."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import mosaik
import pytest

import cosim
from cosim.simulators import SIM_CONFIG

ROOT = Path(cosim.__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "simulators"
OUTPUT = {
    name: {"python": f"mosaik.basic_simulators.{name.lower()}_simulator:{name}Simulator"}
    for name in ("Input", "Output")
}


@pytest.fixture
def example(monkeypatch):
    """Return a function that imports an example as one who stands in its folder does."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_shown_as_it_is(path):
    page = (ROOT / "docs" / "mosaik.md").read_text(encoding="utf-8")
    assert f"```py\n{path.read_text(encoding='utf-8')}```\n" in page


def hours(told):
    """Return what was kept, by attribute and simulator, a list over the hours."""
    found = {}
    for _, values in sorted(told.items()):
        for attr, sources in values.items():
            for source, value in sources.items():
                found.setdefault((source.partition("-")[0], attr), []).append(float(value))
    return found


def test_a_depot_of_somebody_else_draws_what_arrives_within_its_supply_here_and_in_a_process_of_its_own(example):
    module = example("foreign_station")
    inside, outside = (hours(module.run(start, 9)) for start in (module.HERE, module.APART))
    assert inside == outside
    flow, load = inside["Traffic", "flow[veh/h]"], inside["Dispatch", "P_offer[MW]"]
    asked = 0.0
    for arrived, power in zip(flow, load, strict=True):
        asked += arrived * 20.0 / 1000.0
        assert power == pytest.approx(min(0.3, asked), abs=1e-12)
        asked -= power
    assert max(load) == 0.3  # more than it can give came
    assert len(inside["Dispatch", "price[CNY/MWh]"]) == 9


def test_the_grid_of_mosaik_pandapower_has_the_voltages_and_currents_of_ours(example):
    found = hours(example("foreign_grid").run(2))
    for attr in ("Vm[pu]", "I[kA]"):
        assert found["Pandapower", attr] == pytest.approx(found["Grid", attr], rel=1e-8)  # its tolerance: 1e-8 MVA
    assert all(0.9 < value < 1.05 for value in found["Grid", "Vm[pu]"])


def test_where_its_power_flow_does_not_converge_the_world_stops_with_its_error():
    """In a process of its own, since mosaik leaves tasks behind."""
    lines = "import foreign_grid; foreign_grid.run(1, scale=100.0)"
    done = subprocess.run([sys.executable, "-c", lines], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "LoadflowNotConverged" in done.stderr
    with mosaik.World(SIM_CONFIG | OUTPUT, skip_greetings=True, configure_logging=False) as world:
        grid = world.start("Grid", scenario="ieee33_grid_only").Grid()
        much = world.start("Input", step_size=3600).Constant(constant=300.0)
        bus = next(one for one in grid.children if one.eid == "Bus-18")
        world.connect(much, bus, ("value", "P_load[MW]"))
        output = world.start("Output")
        kept = output.Dict()
        world.connect(grid, kept, "converged", "period")
        world.run(until=7200, print_progress=False)
        told = output.get_dict(kept.eid)
    assert [row["converged"] for row in told.values()] == [{"Grid-0.Grid-0": False}] * 2  # ours says so, and goes on


def test_ports_are_named_as_those_of_mosaik_pandapower():
    from mosaik_components.pandapower.simulator import META

    from cosim.quantities import ports

    theirs = {entity: set(model["attrs"]) for entity, model in META["models"].items()}
    inputs = {row.name for row in ports("grid")["Bus"] if row.kind == "input"}
    assert inputs == {name for name in theirs["Bus"] if re.match(r"[PQ]_(load|gen)", name)}
    assert {row.name for row in ports("grid")["Bus"]} <= theirs["Bus"]
    assert {row.name for row in ports("grid")["Line"]} <= theirs["Line"]
