import json
import subprocess
import sys
from pathlib import Path

import pytest

import cosim.scenario
from cosim.dispatch.devices import catalogue
from cosim.scenario import shipped
from cosim.scenario.schema import Scenario, schema
from cosim.scenario.yaml_reader import read_yaml

FILE = Path(cosim.scenario.__file__).with_name("schema.json")


def test_the_shipped_json_schema_is_current():
    assert json.loads(FILE.read_text(encoding="utf-8")) == schema(), "write cosim.scenario.schema.schema_text() to it"


def test_every_device_belongs_to_the_schema():
    mapping = schema()["properties"]["devices"]["items"]["discriminator"]["mapping"]
    assert set(mapping) == set(catalogue())
    definitions = schema()["$defs"]
    for kind, device in catalogue().items():
        known = definitions[mapping[kind].rpartition("/")[2]]
        assert set(known["properties"]) == set(device.Settings.__dataclass_fields__)
        assert known["additionalProperties"] is False


def test_every_section_is_strict_and_every_unknown_key_refused():
    for name, definition in schema()["$defs"].items():
        assert definition.get("additionalProperties") is False, name


def test_the_default_scenario_uses_every_section_that_it_may():
    text = (shipped.folder(shipped.SCENARIOS) / "nguyen_ieee33" / "scenario.yaml").read_bytes()
    keys = set(read_yaml(text, "s").plain())
    fields = {field.alias or name for name, field in Scenario.model_fields.items()}
    assert fields - keys == {"extends", "given", "gates", "microsim", "outages"}


def test_numbers_may_be_ids():
    station = schema()["$defs"]["StationEntry"]["properties"]["name"]
    assert station["type"] == ["string", "integer"]


@pytest.mark.parametrize("module", ["cosim.scenario.schema", "cosim.scenario.load", "cosim.workflows.check"])
def test_heavy_libraries_stay_unimported(module):
    heavy = ("pandapower", "cvxpy", "mosaik", "pandas", "scipy", "plotly", "networkx", "traci", "clarabel")
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_check_starts_no_simulator():
    code = (
        "import sys; from cosim.workflows.check import check; f = check('nguyen_ieee33'); "
        "print(len(f.mistakes), [n for n in ('pandapower', 'cvxpy', 'mosaik', 'traci') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "0 []"
