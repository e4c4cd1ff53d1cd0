"""Each export is opened by the tool that it is for, and holds what the run holds."""

import json

import numpy as np
import pandas as pd
import pytest

from cosim.errors import DependencyError, InputError, UsageError
from cosim.quantities import COLUMNS
from cosim.traffic.formats.gmns import read_gmns_network, read_gmns_trips
from cosim.traffic.formats.tntp import read_tntp_network, read_tntp_trips
from cosim.workflows.export import DOORS, export

OWN_NET = """\
schema: 1
periods: 1
period_min: 60
given: {ev_load_mw: ev_load.csv}
grid: {pandapower: create_cigre_network_mv}
feeder: {v_min_pu: 0.9, v_max_pu: 1.1}
devices: [{kind: substation, name: grid}, {kind: photovoltaic, name: roof, bus: 6, s_max_mva: 2.0, available_mw: [1.5]}]
tariff: {kind: static, prices_per_mwh: [100.0]}
dispatch: {}
"""
UNITS = {(column.table, column.name): column.unit for column in COLUMNS}


@pytest.fixture(scope="module")
def day(finished):
    return finished("sequential")


def exported(day, tmp_path, form, **how):
    return export(day.folder, form, tmp_path / f"out{DOORS[form].ending}", **how)


def test_csv_holds_every_table_to_the_last_digit(day, tmp_path):
    folder = exported(day, tmp_path, "csv")
    assert {path.stem for path in folder.iterdir()} == {"columns", *day.tables}
    for name in day.tables:
        again = pd.read_csv(folder / f"{name}.csv", dtype={"bus": str, "station": str, "line": str}, low_memory=False)
        numbers = day[name].select_dtypes("number").columns
        pd.testing.assert_frame_equal(again[numbers], day[name][numbers], check_dtype=False, rtol=1e-15)
    columns = pd.read_csv(folder / "columns.csv")
    assert ((columns["table"] == "buses") & (columns["column"] == "vm_ac_pu") & (columns["unit"] == "pu")).sum() == 1


def test_excel_opens_with_a_sheet_a_table(day, tmp_path):
    sheets = pd.read_excel(exported(day, tmp_path, "excel"), sheet_name=None)
    assert list(sheets) == ["columns", *day.tables]
    assert np.allclose(sheets["buses"]["vm_ac_pu"], day["buses"]["vm_ac_pu"], rtol=1e-15, atol=0.0)


def test_netcdf_has_axes_units_and_the_same_numbers(day, tmp_path):
    import xarray as xr

    with xr.open_dataset(exported(day, tmp_path, "netcdf"), engine="h5netcdf") as dataset:
        voltage = dataset["buses_vm_ac_pu"]
        assert voltage.dims == ("period", "bus")
        assert voltage.attrs["units"] == "pu"
        for period, bus, value in day["buses"][["period", "bus", "vm_ac_pu"]].itertuples(index=False):
            assert float(voltage.sel(period=period, bus=bus)) == value
        told = {
            name: variable.attrs["units"] for name, variable in dataset.data_vars.items() if "units" in variable.attrs
        }
        assert told["stations_p_demand_mw"] == UNITS["stations", "p_demand_mw"] == "MW"
        assert str(dataset["periods_status"].sel(period=1).values) == day["periods"]["status"].iloc[0]


@pytest.mark.parametrize("form", ["geojson", "gpkg"])
def test_gis_finds_features_where_the_scenario_has_them(day, tmp_path, form):
    from pyogrio.raw import read

    path = exported(day, tmp_path, form, period=8)
    if form == "geojson":
        found = [one for one in json.loads(path.read_text())["features"] if one["properties"]["layer"] == "links"]
        rows = {one["properties"]["link"]: one for one in found}
        assert rows["1-5"]["geometry"] == {"type": "LineString", "coordinates": [[1.0, 3.0], [1.0, 2.0]]}
        flows = {name: one["properties"]["flow_vph"] for name, one in rows.items()}
        meta, _, shapes, _ = read(path)
        assert len(shapes) == len(json.loads(path.read_text())["features"])
    else:
        meta, _, shapes, fields = read(path, layer="links")
        columns = dict(zip(meta["fields"], fields, strict=True))
        flows = dict(zip(columns["link"], columns["flow_vph"], strict=True))
        assert meta["geometry_type"] == "LineString"
    links = day["links"]
    expected = links[links["period"] == 8].set_index("link")["flow_vph"].to_dict()
    assert flows == pytest.approx({name: value for name, value in expected.items() if name in flows}, rel=1e-15)
    assert len(flows) == 19


def test_pandapower_repeats_the_power_flow_of_the_period(day, tmp_path):
    import pandapower as pp

    net = pp.from_json(str(exported(day, tmp_path, "pandapower", period=20)))
    buses = day["buses"][day["buses"]["period"] == 20]
    stored = dict(zip(net.bus["name"], net.res_bus["vm_pu"], strict=True))
    assert stored == pytest.approx(dict(zip(buses["bus"], buses["vm_ac_pu"], strict=True)), abs=1e-9)
    told = day["periods"].set_index("period").loc[20]
    assert net.res_ext_grid["p_mw"].sum() == pytest.approx(told["ac_slack_mw"], abs=1e-8)
    devices = day["devices"][(day["devices"]["period"] == 20) & (day["devices"]["device"].isin(net.sgen["name"]))]
    given = dict(zip(devices["device"], devices["p_mw"], strict=True))
    # pandapower writes 15 significant digits
    assert dict(zip(net.sgen["name"], net.sgen["p_mw"], strict=True)) == pytest.approx(given, rel=1e-14)
    pp.runpp(net)
    assert np.allclose(net.res_bus["vm_pu"], list(stored.values()), atol=1e-7)


def test_a_users_own_net_goes_out_as_it_came_in_with_what_was_dispatched(small, tmp_path):
    import pandapower as pp
    from pandapower.networks import create_cigre_network_mv

    from cosim.workflows.run import run

    scenario = small()
    scenario.write_text(OWN_NET, encoding="utf-8")
    (scenario.parent / "ev_load.csv").write_text("period,9\n1,0.2\n", encoding="utf-8")
    result = run(scenario, out=tmp_path / "run", report=False)
    net = pp.from_json(str(export(result.folder, "pandapower", tmp_path / "net.json", period=1)))
    assert len(net.trafo) == len(create_cigre_network_mv().trafo)
    buses = result["buses"]
    told = {str(bus): vm for bus, vm in buses[buses["period"] == 1][["bus", "vm_ac_pu"]].itertuples(index=False)}
    for bus, vm in zip(net.load["bus"], net.res_bus["vm_pu"][net.load["bus"]], strict=True):
        assert vm == pytest.approx(told[str(bus)], abs=1e-9)


@pytest.mark.parametrize("form", ["gmns", "tntp"])
def test_roads_and_trips_come_back(day, tmp_path, form):
    from cosim.scenario.case import build_case
    from cosim.scenario.load import load

    folder = exported(day, tmp_path, form, period=8)
    roads = build_case(load("nguyen_ieee33")).roads
    street = roads.streets
    if form == "gmns":
        network, trips = read_gmns_network(folder), read_gmns_trips(folder / "demand.csv", folder / "node.csv")
        name = dict(zip(street.node_ids, street.node_ids, strict=True))
        flows = (
            pd.read_csv(folder / "link_performance.csv", float_precision="round_trip")
            .set_index("link_id")["volume"]
            .to_numpy()
        )
    else:
        network, trips = read_tntp_network(folder / "net.tntp"), read_tntp_trips(folder / "trips.tntp")
        nodes = pd.read_csv(folder / "nodes.csv", dtype=str)
        name = dict(zip(nodes["node"], nodes["number"], strict=True))
        flows = pd.read_csv(folder / "flow.tntp", sep="\t", float_precision="round_trip")["Volume"].to_numpy()
    for own, other in ((street.tail, network.tail), (street.head, network.head)):
        assert [name[street.node_ids[k]] for k in own] == [network.node_ids[k] for k in other]
    for column in ("free_flow_min", "capacity_vph", "alpha", "beta"):
        assert getattr(network, column).tolist() == getattr(street, column).tolist()
    own = {
        (name[a], name[b]): value
        for a, b, value in zip(
            roads.demand.origins, roads.demand.destinations, roads.demand.trips_vph[7].sum(axis=0), strict=True
        )
    }
    assert dict(zip(trips.od_pairs, trips.trips_vph.sum(axis=(0, 1)), strict=True)) == pytest.approx(own, rel=1e-15)
    links = day["links"][day["links"]["period"] == 8].set_index("link")["flow_vph"]
    assert flows.tolist() == [links[link] for link in street.link_ids]


def test_without_a_period_the_busiest_is_taken(day, tmp_path):
    charging = day["stations"].groupby("period")["p_demand_mw"].sum()
    one = exported(day, tmp_path, "pandapower").read_text()
    (tmp_path / "again").mkdir()
    assert one == exported(day, tmp_path / "again", "pandapower", period=int(charging.idxmax())).read_text()


def test_what_is_asked_wrongly_is_named_and_nothing_stays(day, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="'parquet' is none of csv, excel"):
        export(day.folder, "parquet", tmp_path / "x")
    with pytest.raises(UsageError, match="--period belongs to geojson, gmns, gpkg, pandapower, tntp; csv holds all"):
        exported(day, tmp_path, "csv", period=1)
    with pytest.raises(InputError, match="the run has no period 25: 24 of 24 periods"):
        exported(day, tmp_path, "tntp", period=25)
    (tmp_path / "there.nc").write_text("")
    with pytest.raises(UsageError, match="there.nc' exists; choose another with --out"):
        export(day.folder, "netcdf", tmp_path / "there.nc")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        DependencyError, match=r"packages xarray, h5netcdf, h5py missing; pip install 'cosim-ptn\[netcdf\]'"
    ):
        exported(day, tmp_path, "netcdf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.nc"]


def test_a_run_without_roads_or_grid_says_so(finished, tmp_path):
    with pytest.raises(InputError, match="this run has no roads"):
        export(finished("ieee33_grid_only").folder, "tntp", tmp_path / "x")
    with pytest.raises(InputError, match="this run has no grid"):
        export(finished("nguyen_traffic_only").folder, "pandapower", tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_was_written(cosim, day, tmp_path):
    code, out, _ = cosim("export", day.folder, "--format", "geojson", "--out", tmp_path / "day.geojson")
    assert (code, out) == (0, f"written  {tmp_path / 'day.geojson'}: roads, stations, buses and lines as features\n")
