"""Studies carried out: equal bits whatever carries them out, nothing lost, no row that stops the others."""

import json
import os
import platform
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

import cosim
from cosim.errors import DependencyError, LockedError, UsageError
from cosim.reports.measures import measures
from cosim.studies.checking import check_again
from cosim.studies.collecting import collect, read_rows
from cosim.studies.folder import StudyFolder, bring, opened
from cosim.studies.running import admitted, run_study
from cosim.studies.scripts import array_script
from cosim.studies.store import read_journals
from tests.studies.own_rows import OWN, ROOT, SHARES, planned

CASE = """\
schema: 1
base: five_nodes
seed: 7
design: {kind: sobol, rows: 4}
vary:
  ev.share: {uniform: [0.1, 0.3]}
  feeder.load_profile: {scale: {uniform: [0.9, 1.1]}}
keep: {tables: [stations]}
"""


@pytest.fixture(scope="module")
def carried_out(tmp_path_factory):
    """Return the folder of a small study that one process carried out."""
    folder = planned(tmp_path_factory.mktemp("studies"), CASE)
    ran = run_study(folder, jobs=1)
    assert (ran.exit_code, ran.state.statuses["ok"]) == (0, 4)
    return folder


def test_a_row_has_the_bits_of_the_run_that_the_page_says_repeats_it(carried_out, tmp_path):
    row, told = carried_out.plan.rows[2], read_rows(carried_out).iloc[2]
    sets = [word for one in row.assignments for word in ("--set", one)]
    command = [
        sys.executable,
        "-m",
        "cosim",
        "run",
        carried_out.scenario,
        "--seed",
        str(row.seed),
        *sets,
        "--no-report",
    ]
    environment = os.environ | {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "--out", tmp_path / "run"], check=True, env=environment, stdout=subprocess.DEVNULL)
    found = {one.key: one.value for section in measures(cosim.load(tmp_path / "run")) for one in section.rows}
    assert {name: told[name] for name in ("cost", "margin_low_pu", "loss_mwh")} == {
        name: found[name] for name in ("cost", "margin_low_pu", "loss_mwh")
    }


def test_shards_and_shuffled_orders_give_the_same_table(carried_out, tmp_path):
    folder = planned(tmp_path, CASE)
    for part in (2, 1):
        assert run_study(folder, shard=(part, 2)).collected is None
    assert collect(folder).sha256 == carried_out.facts["rows_sha256"]
    assert pd.read_parquet(folder.path / "tables" / "stations" / "part-00000.parquet")["row"].nunique() == 4
    assert check_again(folder, 1) == []


def test_a_cluster_of_dask_gives_the_same_table_and_listens_on_loopback_alone(carried_out, tmp_path):
    folder, seen = planned(tmp_path, CASE), set()

    def listening(_state):
        import psutil

        for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
            seen.update(one.laddr.ip for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN)

    ran = run_study(folder, jobs=1, cluster="local", progress=listening)
    assert ran.collected.sha256 == carried_out.facts["rows_sha256"]
    assert seen == {"127.0.0.1"}


def test_poison_raising_hanging_and_greedy_rows_cost_themselves_alone(own_rows, tmp_path):
    folder = planned(tmp_path, OWN % SHARES)
    ran = run_study(folder, jobs=2)
    rows = read_rows(folder).set_index("ev.share")
    assert ran.exit_code == 10
    assert dict(rows["status"].value_counts()) == {"ok": len(SHARES) - 4, "died": 2, "raised": 1, "timeout": 1}
    told = {share: rows.loc[share, "reason"] for share in (0.25, 0.35, 0.45, 0.55)}
    assert "its process ended by itself with exit 9" in told[0.25]
    assert "ValueError: no root (own_rows.py:" in told[0.35]
    assert "took more than 4 s" in told[0.45]
    assert "MiB of memory, more than 800 MiB" in told[0.55]
    good = rows[rows["status"] == "ok"]
    assert (good["double"] == 2 * good.index).all()
    begun = pd.Series(own_rows.read_text().split(), dtype=float).value_counts()
    assert begun[0.25] == 2  # as often as the study allows
    assert (begun.drop(0.25) == 1).all()
    assert cosim_failures(folder)[int(rows.loc[0.35, "row"])].startswith("raised: ValueError")


def cosim_failures(folder):
    from cosim.studies.python import load_study

    return load_study(folder.path).failures


def test_a_killed_driver_loses_the_rows_in_flight_alone(own_rows, tmp_path, monkeypatch):
    monkeypatch.setenv("SLOW", "0.3")
    good = [share for share in SHARES if round(share * 100) % 10 != 5][:12]
    planned(tmp_path, OWN % good)
    command = [sys.executable, "-m", "cosim", "sweep", "run", "study", "--jobs", "1", "--progress", "off"]
    driver = subprocess.Popen(command, cwd=tmp_path)
    ended_before = _wait_for_rows(tmp_path / "study", 3)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    begun = pd.Series(own_rows.read_text().split(), dtype=float).value_counts()
    assert sorted(begun.index) == good
    assert begun.sum() <= len(good) + 1  # the row in flight, and no other
    assert ended_before >= 3
    assert not list((tmp_path / "study" / "claims").glob("*"))


def test_an_order_to_stop_ends_behind_the_rows_in_flight(own_rows, tmp_path, monkeypatch):
    monkeypatch.setenv("SLOW", "0.3")
    good = [share for share in SHARES if round(share * 100) % 10 != 5][:12]
    planned(tmp_path, OWN % good)
    command = [sys.executable, "-m", "cosim", "sweep", "run", "study", "--jobs", "1", "--progress", "off"]
    driver = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    _wait_for_rows(tmp_path / "study", 2)
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(timeout=30) == 143
    begun = own_rows.read_text().split()
    assert len(read_journals(tmp_path / "study")) == len(begun) < len(good)
    assert not list((tmp_path / "study" / "claims").glob("*"))


def _wait_for_rows(folder, count):
    for _ in range(600):
        if (ended := len(read_journals(folder))) >= count:
            return ended
        time.sleep(0.1)
    raise AssertionError("no rows ended within a minute")


def test_one_share_is_carried_out_by_one_process(own_rows, tmp_path):
    folder = planned(tmp_path, OWN % [0.1])
    with folder.shard(1, 1), pytest.raises(LockedError):
        run_study(folder)


def test_a_worker_with_other_last_digits_is_refused_unless_they_are_accepted(own_rows, tmp_path):
    folder = planned(tmp_path, OWN % [0.1])
    admitted(folder, "aaaa", accept=False)
    admitted(folder, "aaaa", accept=False)
    with pytest.raises(DependencyError, match="other last digits.*--accept-numerics"):
        admitted(folder, "bbbb", accept=False)
    admitted(folder, "bbbb", accept=True)
    assert StudyFolder(folder.path).facts["numerics"] == "aaaa"


def test_of_two_shards_that_begin_together_the_first_ones_digits_are_the_studys(own_rows, tmp_path):
    first = planned(tmp_path, OWN % [0.1])
    second = StudyFolder(first.path)
    assert second.facts["numerics"] is None  # read before the first worker was there
    admitted(first, "aaaa", accept=False)
    first.note({"ended": 1})
    with pytest.raises(DependencyError, match="other last digits"):
        admitted(second, "bbbb", accept=False)
    second.note({"units": {}})
    assert (StudyFolder(first.path).facts["numerics"], StudyFolder(first.path).facts["ended"]) == ("aaaa", 1)


def test_another_kernel_of_the_linear_algebra_is_another_numerics_id():
    known = {"Haswell", "Prescott"} if platform.machine() == "x86_64" else {""}
    code = "from cosim.studies.numerics import numerics_id; print(numerics_id())"
    ids = set()
    for kernel in known:
        environment = os.environ | {"OPENBLAS_CORETYPE": kernel, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        ids.add(ended.stdout)
    assert len(ids) == len(known)


def test_a_study_goes_on_in_its_folder_and_in_no_other_ones(own_rows, tmp_path):
    planned(tmp_path, OWN % [0.1])
    assert opened(tmp_path / "study.yaml", tmp_path / "study").plan.rows
    (tmp_path / "study.yaml").write_text(OWN % [0.2])
    with pytest.raises(UsageError, match="another 'study.yaml'"):
        opened(tmp_path / "study.yaml", tmp_path / "study")


def test_journals_of_another_machine_are_taken_along_if_the_plan_is_the_same(own_rows, tmp_path):
    here, there = (planned(tmp_path, OWN % [0.1, 0.2], name) for name in ("here", "there"))
    run_study(there, shard=(1, 2))
    assert bring(here, there) == 1
    assert collect(here).ended == 1
    other = planned(tmp_path, OWN % [0.3], "other")
    with pytest.raises(UsageError, match="another plan"):
        bring(here, other)


@pytest.mark.parametrize("system", ["slurm", "pbs", "lsf"])
def test_a_batch_system_carries_out_the_array_and_a_requeued_job_goes_on(own_rows, tmp_path, system):
    folder = planned(tmp_path, OWN % [0.1, 0.2, 0.3])
    text = array_script(folder.path, system, shards=2, command=f"{sys.executable} -m cosim")
    script = tmp_path / "job.sh"
    script.write_text(text)
    subprocess.run(["bash", "-n", script], check=True)
    index = {"slurm": "SLURM_ARRAY_TASK_ID", "pbs": "PBS_ARRAY_INDEX", "lsf": "LSB_JOBINDEX"}[system]
    if system != "slurm":
        assert f"${{{index}}}/2" in text
        return
    for job in ("2", "1", "1"):  # a queue that runs the second job first, and the first one twice
        subprocess.run(["bash", script], check=True, env=os.environ | {index: job}, stdout=subprocess.DEVNULL)
    assert collect(StudyFolder(folder.path)).ended == 3
    assert len(own_rows.read_text().split()) == 3


def test_a_study_from_python_is_a_tidy_table_with_units(carried_out):
    from cosim.studies.python import load_study

    found = load_study(carried_out.path)
    assert list(found.rows["status"]) == ["ok"] * 4
    assert found.rows.attrs["units"]["loss_mwh"] == "MWh"
    assert set(found.long.columns) == {"row", "measure", "value", "unit"}
    assert found.tables["stations"]["row"].nunique() == 4
    assert {row["measure"] for row in found.statistics().measures} >= {"cost", "loss_mwh"}
    page = found.report.read_text()
    assert "4 of 4 ended: 4 ok" in page
    assert json.loads((carried_out.path / "study.json").read_text())["ended"] == 4
