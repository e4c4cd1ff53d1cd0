"""Scenarios in former spelling: what they say stays, by reading them and by rewriting them."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.scenario import kinds, renamed, shipped
from cosim.scenario.build import announced_price_per_mwh, build_roads
from cosim.scenario.load import load, read_chain
from cosim.scenario.migrate import migrated

ALL = shipped.names(shipped.SCENARIOS)
HEAD = "schema: 1\nextends: nguyen_ieee33\n"
LAW = {"davidson_j": ("davidson", "j"), "service_scv": ("erlang", "scv"), "knee": (None, "knee")}


def write(folder, text, name="scenario.yaml"):
    path = Path(folder) / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ALL)
def test_shipped_scenarios_are_in_present_spelling(name):
    path = shipped.find(name)
    old, new = migrated(path)
    assert old == new
    assert load(name).warnings == ()


stations = st.fixed_dictionaries(
    {},
    optional={
        "law": st.sampled_from(["davidson", "erlang"]),
        "davidson_j": st.sampled_from([0, 0.1, 0.35, 2.0]),
        "service_scv": st.sampled_from([0, 0.25, 1.2]),
        "knee": st.sampled_from([0.5, 0.8, 0.9, 0.95]),
    },
)


def said(path):
    return kinds.settled(read_chain(path)[0]).plain()


@given(station=stations, block=st.booleans(), comment=st.booleans(), order=st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_every_station_of_a_former_version_keeps_its_law(tmp_path_factory, station, block, comment, order):
    """A law has the settings that are its own; those of other laws never counted, and comments stay."""
    items = [("name", "S"), ("node", 8), *station.items()]
    order.shuffle(items)
    if block:
        text = "  - " + "\n    ".join(f"{key}: {value}" + f" # of {key}" * comment for key, value in items)
    else:
        text = "  - {" + ", ".join(f"{key}: {value}" for key, value in items) + "}"
    path = write(tmp_path_factory.getbasetemp(), f"schema: 1\nstations: # one\n{text}\n", "former.yaml")
    kind, law = station.get("law", "davidson"), {now: station[key] for key, (_, now) in LAW.items() if key in station}
    own = {name: value for name, value in law.items() if (kind, name) in {("davidson", "j"), ("erlang", "scv")}}
    own |= {name: value for name, value in law.items() if name == "knee"}
    expected = {"name": "S", "node": 8} | ({"law": {"kind": kind, **own}} if station.keys() & {"law", *LAW} else {})
    if "law" not in station and not own:
        expected.pop("law", None)
    before = said(path)["stations"][0]
    before.pop("law", None) if "law" not in expected else None
    assert before == expected
    old, new = migrated(path)
    write(path.parent, new, path.name)
    assert migrated(path) == (new, new)
    assert sorted(re.findall("#.*", old)) == sorted(re.findall("#.*", new))
    assert not list(renamed.found(read_chain(path)[0]))
    assert said(path)["stations"][0] == expected


FORMER_PRICES = {
    "coupling: {ev_price: none, price_series: null, markup: 0}": "coupling: {ev_price: {kind: none}}",
    "coupling: {ev_price: tariff, markup: 0.1} # m": "coupling: {ev_price: {kind: tariff, markup: 0.1}} # m",
    "coupling:\n  ev_price: series\n  # what follows\n  price_series: p.csv # here\n  round_limit: 7": (
        "coupling:\n  ev_price: {kind: series, file: p.csv}\n  # what follows\n  # here\n  round_limit: 7"
    ),
    "coupling:\n  mode: iterated\n  markup: 0.2\n  ev_price: nodal\n": (
        "coupling:\n  mode: iterated\n  ev_price: {kind: nodal, markup: 0.2}\n"
    ),
    "gates:\n  slack_mw: 1.0e-4 # loose\n  cone_gap_pu2: 1\n": "gates:\n  unserved_mw: 1.0e-4 # loose\n",
    "gates: {cone_gap_pu2: 1}": "gates: {}",
    'stations: {"8": {law: erlang}, "11": {davidson_j: 0.2}, "13": {service_scv: 0.5}}': (
        'stations: {"8": {law: {kind: erlang}}, "11": {law: {j: 0.2}}, "13": {}}'
    ),
    "stations:\n  '8':\n    law: {kind: erlang}\n    knee: 0.8\nsources:\n  stations.8.knee: mine\n": (
        "stations:\n  '8':\n    law: {kind: erlang, knee: 0.8}\nsources:\n  stations.8.law.knee: mine\n"
    ),
    "stations:\n  '8':\n    law:\n      kind: erlang\n    knee: 0.8\n": (
        "stations:\n  '8':\n    law:\n      kind: erlang\n      knee: 0.8\n"
    ),
}


@pytest.mark.parametrize("old", FORMER_PRICES)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_only_what_has_another_name_is_rewritten(tmp_path, old, ends):
    write(tmp_path, "period,8,11,13\n" + "".join(f"{t},1,2,3\n" for t in range(1, 25)), "p.csv")
    path = tmp_path / "scenario.yaml"
    path.write_bytes((HEAD + old + "\n").replace("\n", ends).encode())
    before = said(path)
    _, new = migrated(path)
    assert new.replace("\r\n", "\n") == HEAD + FORMER_PRICES[old] + "\n"
    path.write_bytes(new.encode())
    assert said(path) == before
    assert migrated(path) == (new, new)


def test_a_scenario_that_changes_a_kind_leaves_the_settings_of_the_other_behind(tmp_path):
    text = HEAD + 'stations: {"8": {law: {kind: erlang}}}\ntariff: {kind: static, prices_per_mwh: 300}\n'
    scenario = load(write(tmp_path, text)).scenario
    assert (scenario.stations[0].law.kind, scenario.tariff.kind) == ("erlang", "static")
    assert load("nguyen_ieee33", ["stations.8.law.kind=erlang"]).scenario.stations == scenario.stations
    with pytest.raises(InputError, match=r"stations.0.law.j': unknown key"):
        load(write(tmp_path, HEAD + 'stations: {"8": {law: {kind: erlang, j: 0.2}}}\n'))


@pytest.mark.parametrize(
    ("former", "now"),
    [
        (["stations.8.law=erlang", "stations.8.service_scv=0.5"], ["stations.8.law={kind: erlang, scv: 0.5}"]),
        (["stations.8.davidson_j=0.3", "stations.8.knee=0.8"], ["stations.8.law={kind: davidson, j: 0.3, knee: 0.8}"]),
        (["coupling.ev_price=tariff", "coupling.markup=0.1"], ["coupling.ev_price={kind: tariff, markup: 0.1}"]),
    ],
)
def test_assignments_by_former_names(former, now):
    old, new = load("nguyen_ieee33", former), load("nguyen_ieee33", now)
    assert old.resolved | {"sources": {}} == new.resolved | {"sources": {}}
    assert build_roads(old).network.parameters.settings.keys() == build_roads(new).network.parameters.settings.keys()


def test_what_drivers_see_by_former_names(tmp_path):
    write(tmp_path, "period,13,8,11\n" + "".join(f"{t},3,1,2\n" for t in range(1, 25)), "p.csv")
    path = write(tmp_path, HEAD + "coupling: {ev_price: series, price_series: p.csv}\n")
    assert announced_price_per_mwh(load(path), None)[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_a_value_by_both_names_is_refused(tmp_path):
    path = write(tmp_path, HEAD + 'stations: {"8": {law: {kind: erlang, knee: 0.9}, knee: 0.8}}\n')
    with pytest.raises(InputError, match=r"former name of law\.knee, which is given, too"):
        migrated(path)
