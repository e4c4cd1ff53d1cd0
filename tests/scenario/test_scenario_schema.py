import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter

import cosim.scenario
from cosim.dispatch.devices import catalogue
from cosim.quantities.names import unit_of
from cosim.scenario import road_sections, shipped
from cosim.scenario import schema as scenario_schema
from cosim.scenario.json_schema import UNIT, schema
from cosim.scenario.schema import Scenario, Section
from cosim.scenario.yaml_reader import read_yaml

FILE = Path(cosim.scenario.__file__).with_name("schema.json")


def test_the_shipped_json_schema_is_current():
    assert json.loads(FILE.read_text(encoding="utf-8")) == schema(), "run: make generate"


def keys():
    """Every key of every section, and what the schema says of it."""
    document = schema()
    parts = {"Scenario": document, **document["$defs"]}
    return [(section, key, spec) for section, part in parts.items() for key, spec in part["properties"].items()]


def test_every_key_says_what_it_means():
    assert len(keys()) > 200
    silent = [f"{section}.{key}" for section, key, spec in keys() if not spec.get("description")]
    assert silent == [], "a Field's description, or an entry of the settings' Attributes"
    told = [spec["description"] for _, _, spec in keys()]
    assert [text for text in told if text.endswith(".") or "``" in text] == []


def test_units_stand_beside_the_numbers_that_have_one():
    units = {(section, key): spec[UNIT] for section, key, spec in keys() if UNIT in spec}
    assert units["Traffic", "theta_per_min"] == "1/min"
    assert units["StaticTariffSettings", "prices_per_mwh"] == "money/MWh"
    assert units["PhotovoltaicSettings", "available_mw"] == "MW"
    assert ("Given", "ev_load_mw") not in units  # a file
    assert ("Scenario", "periods") not in units
    for (section, key), unit in units.items():
        assert unit_of(key) == unit, section


def test_the_examples_of_a_key_pass():
    told = 0
    for section, key, spec in keys():
        for one in spec.get("examples", []):
            model = getattr(scenario_schema, section, None) or getattr(road_sections, section)
            (field,) = (item for name, item in model.model_fields.items() if key in (name, item.alias))
            TypeAdapter(field.rebuild_annotation(), config=Section.model_config).validate_json(json.dumps(one))
            told += 1
    assert told > 12


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
    assert fields - keys == {"extends", "given", "gates", "microsim", "outages", "seeds", "start", "time_zone"}


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
