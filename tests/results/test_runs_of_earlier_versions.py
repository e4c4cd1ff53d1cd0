"""Run folders of version 0.1.0 open; those of formats that are not known are refused by format and version."""

import json
import math
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cosim.errors import StorageError
from cosim.results.store import load
from cosim.results.stored import read_records
from cosim.scenario import kinds

WRITTEN = Path(__file__).parent / "run_of_0_1_0"
"""Two hours of the default day as version 0.1.0 wrote them: a station by Erlang's law, drivers who see the tariff."""


@pytest.fixture
def old(tmp_path):
    folder = tmp_path / "old"
    (folder / "tables").mkdir(parents=True)
    for name in ("manifest.json", "run.json"):
        shutil.copy(WRITTEN / name, folder)
    for name, columns in json.loads((WRITTEN / "tables.json").read_text()).items():
        pq.write_table(pa.table(columns), folder / "tables" / f"{name}.parquet")
    return folder


def test_it_opens(old):
    result = load(old)
    assert (result.manifest["format"], result.manifest["versions"]["cosim"]) == (1, "0.1.0")
    assert (result.exit_code, result.complete) == (0, True)
    assert {"periods", "stations", "buses", "lines", "devices", "links", "paths"} <= set(result.tables)
    assert result["stations"].groupby("period")["p_served_mw"].sum().tolist() == pytest.approx([0.96, 0.384], abs=1e-9)


def test_what_it_told_is_read_back(old):
    first, second = read_records(load(old))
    assert (first.period, second.period, first.status) == (1, 2, "optimal")
    assert first.traffic.stations.p_served_mw.sum() == pytest.approx(0.96, abs=1e-9)
    assert first.dispatch.cost == pytest.approx(sum(first.dispatch.cost_terms.values()))
    assert first.grid.buses.vm_ac_pu == pytest.approx(first.dispatch.buses.vm_pu, abs=1e-6)


def without(folder, table, *columns):
    path = folder / "tables" / f"{table}.parquet"
    pq.write_table(pq.read_table(path).drop_columns(list(columns)), path)


def test_what_an_earlier_version_did_not_tell_is_nothing_or_refused_by_name(old):
    without(old, "periods", "dual_residual", "own_power_mw", "diagnosis")
    without(old, "stations", "pending_mwh")
    first = read_records(load(old))[0]
    assert (first.dispatch.dual_residual, first.dispatch.diagnosis) == (None, "")
    assert math.isnan(first.dispatch.own_power_mw)
    assert first.traffic.stations.pending_mwh is None
    without(old, "buses", "price_per_mwh")
    with pytest.raises(StorageError, match="a table of bus values has no column 'price_per_mwh'; was it written by an"):
        read_records(load(old))


def test_rows_stand_in_the_order_that_is_asked_for(old):
    names = read_records(load(old))[0].dispatch.buses.bus
    turned = read_records(load(old), {"buses": names[::-1]}, [2])[0].dispatch.buses
    assert turned.bus == names[::-1]
    assert turned.vm_pu.tolist() == read_records(load(old))[1].dispatch.buses.vm_pu[::-1].tolist()
    with pytest.raises(StorageError, match="the run's bus ids are not those of its scenario: 34"):
        read_records(load(old), {"buses": (*names, "34")})


def test_its_report_is_written_again(old, cosim):
    code, out, err = cosim("report", old)
    assert (code, err) == (0, "")
    assert "davidson_j" not in out
    assert (old / "report.html").stat().st_size > 1_000_000


def test_it_is_compared_by_the_present_names_of_its_keys(old, tmp_path, cosim):
    """A run of today, said to be one, differs from it in what is set otherwise: not in how it is spelt."""
    new = shutil.copytree(old, tmp_path / "new")
    manifest = json.loads((new / "manifest.json").read_text())
    manifest["format"], manifest["resolved"] = 2, kinds.present(manifest["resolved"])
    manifest["resolved"]["stations"][0]["law"]["scv"] = 0.25
    manifest["resolved"]["coupling"]["ev_price"] = {"kind": "none"}
    (new / "manifest.json").write_text(json.dumps(manifest))
    code, out, err = cosim("compare", old, new, "--json")
    assert (code, err) == (0, "")
    differences = {one["key"]: one["values"] for one in json.loads(out)["differences"]}
    assert differences == {
        "stations.8.law.scv": ["0.5", "0.25"],
        "coupling.ev_price.kind": ["tariff", "none"],
    }


def test_what_it_says_is_what_it_said():
    told = json.loads((WRITTEN / "manifest.json").read_text())["resolved"]
    assert (told["stations"][0]["law"], told["stations"][0]["service_scv"]) == ("erlang", 0.5)
    now = kinds.present(told)
    assert now["stations"][0]["law"] == {"kind": "erlang", "knee": 0.9, "scv": 0.5}
    assert now["stations"][1]["law"] == {"kind": "davidson", "knee": 0.9, "j": 0.1}
    assert now["coupling"]["ev_price"] == {"kind": "tariff", "markup": 0.1}
    assert kinds.present(now) == now


@pytest.mark.parametrize("number", [4, 0, "2", None, [1]])
def test_an_unknown_format_is_refused_by_name(old, cosim, number):
    path = old / "manifest.json"
    content = json.loads(path.read_text()) | {"format": number, "versions": {"cosim": "9.1.0"}}
    path.write_text(json.dumps(content))
    with pytest.raises(
        StorageError, match=r"has format .*, written by cosim 9\.1\.0; .* reads formats 1 to 3; open it"
    ):
        load(old)
    for words in (["report", old], ["compare", old, old], ["verify", old]):
        code, _, err = cosim(*words)
        assert code == StorageError.exit_code
        assert "written by cosim 9.1.0" in err


def test_what_a_run_of_another_version_lacks_is_said(old, cosim):
    """A scenario folder is needed to verify, and is not there: the error names it."""
    code, _, err = cosim("verify", old)
    assert code in {3, 8}
    assert "scenario" in err


def test_this_version_writes_a_format_that_it_reads():
    from cosim.results import manifest

    assert manifest.manifest(command=["x"], content={})["format"] == manifest.FORMAT == manifest.READABLE[-1]
