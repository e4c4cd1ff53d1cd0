"""The vocabulary of ports and columns is consistent."""

import re
from collections import Counter

import pytest

from cosim.quantities import COLUMNS, PORTS, meta, ports
from cosim.quantities.finite import missing_values
from cosim.world import wires

KINDS = {"input", "trigger", "output", "event"}


def test_no_port_and_no_column_is_told_twice():
    assert max(Counter((p.simulator, p.entity, p.name) for p in PORTS).values()) == 1
    assert max(Counter((c.table, c.name) for c in COLUMNS).values()) == 1


def test_every_row_has_a_kind_and_a_meaning():
    assert {port.kind for port in PORTS} == KINDS
    assert all(port.meaning and port.name for port in PORTS)
    assert all(column.meaning and column.unit for column in COLUMNS)


def test_every_table_begins_with_its_period():
    tables = list(dict.fromkeys(column.table for column in COLUMNS))
    first = {table: next(c.name for c in COLUMNS if c.table == table) for table in tables}
    assert set(first.values()) == {"period"}


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: f"{c.table}.{c.name}")
def test_the_unit_in_a_columns_name_is_its_unit(column):
    endings = {
        "_pu2": "pu^2", "_pu": "pu", "_mw": "MW", "_mvar": "Mvar", "_mwh": "MWh", "_kw": "kW", "_kwh": "kWh",
        "_ka": "kA", "_veh": "veh", "_vph": "veh/h", "_min": "min", "_percent": "%", "_per_mwh": "money/MWh",
        "_di_a": "A",
    }  # fmt: skip
    found = [unit for ending, unit in endings.items() if column.name.endswith(ending)]
    if column.name.endswith("_per_mwh"):
        found = ["money/MWh"]
    assert found in ([], [column.unit])
    if not found:
        assert column.unit in {"-", "money", "veh min/h"}


def test_the_unit_of_a_port_stands_in_brackets():
    units = {"veh/h", "veh", "MW", "MWh", "MVar", "min", "CNY", "CNY/MWh", "pu", "kA", "%"}
    bracketed = [match.group(1) for port in PORTS if (match := re.search(r"\[(.+)\]$", port.name))]
    assert set(bracketed) == units


@pytest.mark.parametrize("overrides", [(), ("coupling.mode=iterated", "coupling.ev_price=nodal")])
@pytest.mark.parametrize("mode", ["rolling", "day_ahead"])
@pytest.mark.parametrize("micro", ["off", "windows", "continuous"])
def test_every_wire_joins_an_output_to_an_input_of_the_vocabulary(small_case, overrides, mode, micro):
    for wire in wires(small_case(f"dispatch.mode={mode}", f"microsim.mode={micro}", *overrides)):
        sources = {p.name: p.kind for p in ports(wire.source.lower())[wire.source_entity]}
        targets = {p.name: p.kind for p in ports(wire.target.lower())[wire.target_entity]}
        for attr in wire.attrs:
            renamed = "reference" if wire.target in ("Grid", "Measured") and attr == "record" else attr
            assert sources[attr] in {"output", "event"}
            assert targets[renamed] in {"input", "trigger"}


def test_meta_of_a_hybrid_splits_its_ports():
    model = meta("dispatch", "hybrid", {"Dispatch": []})["models"]["Port"]
    assert model["trigger"] == ["P_demand[MW]"]
    assert model["non-persistent"] == ["price[CNY/MWh]", "price_day[CNY/MWh]", "P_offer[MW]", "P_offer_day[MW]"]
    assert not model["public"]


def test_a_share_of_nobody_is_no_missing_value():
    """Where nobody looks for a station there is no share of those who charge later."""
    assert missing_values("periods", {"ev_later_share": [float("nan")], "ev_later_vph": [0.0]}) == 0
    assert missing_values("periods", {"ev_later_vph": [float("nan")]}) == 1
