"""A new run behind a period of another one: without a change it is the other one, with one it differs from there on."""

import shutil

import pytest

import cosim as api
from cosim.errors import CheckpointError, ComponentError, InputError
from cosim.workflows import fork as forking
from cosim.workflows.fork import fork
from cosim.workflows.resume import resume
from cosim.workflows.run import run
from tests.conftest import SMALL
from tests.workflows.test_resume import FLAGGED, same, stopped, stopping

QUICK = ("dispatch.mode=single_period",)


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """Return a finished run of six hours, period by period."""
    folder = tmp_path_factory.mktemp("six")
    (folder / "scenario.yaml").write_text(SMALL, encoding="utf-8")
    return run(folder, out=folder / "run", overrides=QUICK, report=False)


def test_without_a_change_it_is_the_parent(six, tmp_path):
    told = []
    result = fork(six.folder, 2, out=tmp_path / "fork", report=False, notice=told.append)
    same(result, six)
    assert told[0].endswith("stood behind period 2 is not kept: periods 1 to 2 are simulated again")
    assert told[1] == f"it goes on behind period 2 of 6 of run '{six.folder}'"


def test_a_change_holds_from_there_on_and_the_parent_is_named(six, tmp_path, cosim):
    code, out, err = cosim(
        "run",
        six.folder,
        "--fork",
        3,
        "--set",
        "ev.share=0.4",
        "--set",
        "devices.ess.capacity_mwh=1.5",
        "--out",
        tmp_path / "fork",
    )
    assert (code, err) == (0, "")
    result = api.load(tmp_path / "fork")
    for name in six.tables:
        before = [one[name].query("period <= 3") for one in (six, result)]
        assert before[0].equals(before[1]), name
    load = [one["stations"].groupby("period")["p_demand_mw"].sum().to_numpy() for one in (six, result)]
    assert (load[1][3:] > 1.2 * load[0][3:]).all()
    parent = result.manifest["parent"]
    assert (parent["folder"], parent["period"]) == (str(six.folder), 3)
    assert parent["set"] == ["ev.share=0.4", "devices.ess.capacity_mwh=1.5"]
    assert str(six.folder) in (result.folder / "report.html").read_text(encoding="utf-8")
    assert f"goes on behind period 3 of {six.folder}" in cosim("runs", tmp_path)[1]


def test_what_is_stored_is_carried_over(six, tmp_path):
    """Energy of the storage goes on from where it stood; whatever its price is from then on."""
    result = fork(six.folder, 3, out=tmp_path / "fork", overrides=FLAGGED[:1], report=False)
    ess = [one["devices"].query("device == 'ess'").set_index("period")["energy_mwh"] for one in (six, result)]
    assert ess[0][3] == ess[1][3]
    moved = result["devices"].query("device == 'ess' and period == 4")
    assert abs(float(moved["energy_mwh"].iloc[0]) - ess[0][3]) <= abs(float(moved["p_mw"].iloc[0])) + 1e-6


def test_a_fork_of_a_stopped_run_begins_from_the_state_that_it_kept(tmp_path, six):
    parent = stopped(six.folder / "scenario", tmp_path / "parent", 4)
    told = []
    same(fork(parent, 3, out=tmp_path / "fork", report=False, notice=told.append), six)
    assert len(told) == 1


def test_a_fork_that_is_stopped_goes_on(tmp_path, six):
    with pytest.raises(ComponentError):
        fork(six.folder, 4, out=tmp_path / "fork", overrides=("ev.share=0.4",), report=False, progress=stopping(5))
    shutil.rmtree(tmp_path / "fork/periods/0005")
    shutil.rmtree(tmp_path / "fork/states/0005")
    (tmp_path / "fork/run.json").unlink()
    result = resume(tmp_path / "fork", report=False)
    same(result, fork(six.folder, 4, out=tmp_path / "other", overrides=("ev.share=0.4",), report=False))
    assert result.run["resumed"][0]["after_period"] == 4


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (("period_min=30",), "cannot change periods"),
        (("dispatch.mode=day_ahead",), "a day ahead is decided in its first period"),
        (("stations.8.name=north",), "cannot change roads; stations; grid"),
    ],
)
def test_a_change_that_no_state_fits_is_refused(six, tmp_path, overrides, reason):
    with pytest.raises((CheckpointError, InputError), match=reason):
        fork(six.folder, 3, out=tmp_path / "fork", overrides=overrides, report=False)
    assert not (tmp_path / "fork").exists()


@pytest.mark.parametrize("period", [0, 6, 7])
def test_a_fork_begins_behind_a_period_that_is_not_the_last(six, tmp_path, period):
    with pytest.raises(CheckpointError, match=f"one of the periods 1 to 5 of run .*, not {period}"):
        fork(six.folder, period, out=tmp_path / "fork")


def test_a_damaged_parent_is_not_forked(six, tmp_path):
    parent = tmp_path / "parent"
    shutil.copytree(six.folder, parent)
    (parent / "periods/0002/links.parquet").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cannot be forked behind period 3: period 2 is damaged"):
        fork(parent, 3, out=tmp_path / "fork")
    assert fork(parent, 1, out=tmp_path / "fork", report=False).complete


def test_numbers_that_come_out_otherwise_again_are_told(six, tmp_path, monkeypatch):
    monkeypatch.setattr(forking, "stored_digest", lambda periods: "0" * 64)
    with pytest.raises(CheckpointError, match="simulated again, its periods have other numbers"):
        fork(six.folder, 3, out=tmp_path / "fork")


def test_energy_is_neither_drawn_twice_nor_lost_where_the_account_of_charging_changes(six, tmp_path):
    """Drawn at departure in the parent, it must not be drawn again in time; nor may what is pending vanish."""
    with pytest.raises(CheckpointError, match=r"those who left before still draw: 0 MWh, with the change 0\.\d+ MWh"):
        fork(six.folder, 2, out=tmp_path / "fork", overrides=("ev.charging_load=kernel",))
    assert not (tmp_path / "fork").exists()


def test_who_waits_is_served_by_the_chargers_that_a_fork_adds(six, tmp_path):
    """Every MWh that came is drawn or unserved, though the price-flow loop looks at the day again each period."""
    few = tuple(f"stations.{name}.chargers=4" for name in ("8", "11", "13"))
    loop = ("coupling.mode=iterated", "coupling.ev_price.kind=nodal", "coupling.random_starts=0")
    scenario = six.folder / "scenario"
    parent = stopped(scenario, tmp_path / "parent", 3, overrides=(*few, *loop, "ev.fast_charge_share=0.3"))
    more = ("stations.11.chargers=40",)
    result = fork(parent, 2, out=tmp_path / "fork", overrides=more, report=False)
    stations = result["stations"]
    energy = [stations[name].sum() for name in ("p_instant_mw", "energy_mwh", "unserved_mwh", "curtailed_mw")]
    assert stations.query("period == 2")["backlog_mwh"].sum() > 0.1
    assert energy[0] == pytest.approx(sum(energy[1:]), abs=1e-6)


def test_a_turbine_whose_limit_is_lowered_goes_on_at_it(six, tmp_path):
    """It ran at more than the new limit and a step of its ramp: there would be no answer at all."""
    result = fork(six.folder, 3, out=tmp_path / "fork", overrides=("devices.gt.p_max_mw=0.1",), report=False)
    power = result["devices"].query("device == 'gt'").set_index("period")["p_mw"]
    assert power[3] > 0.1 + 0.2
    assert power[4] <= 0.1 + 1e-6
    assert result.exit_code != 6


def test_a_fork_of_a_fork_whose_state_is_gone_names_the_run_to_fork(six, tmp_path):
    first = fork(six.folder, 4, out=tmp_path / "first", overrides=("ev.share=0.4",), report=False)
    for period in (2, 5):
        with pytest.raises(CheckpointError, match=f"being a fork itself, .*; fork run '{six.folder}', behind period 4"):
            fork(first.folder, period, out=tmp_path / "second")
