"""The script that dask-jobqueue makes for Slurm starts workers that carry a study out; a stand-in is the queue."""

import os
import stat
import sys

import pytest
from dask_jobqueue import SLURMCluster

from cosim.studies.numerics import environment
from cosim.studies.running import run_study
from tests.studies.own_rows import OWN, planned

SBATCH = """\
#!/bin/bash
# Runs a copy of a job's script at once, as a queue that is empty would; its number is that of the process.
copy=$(mktemp); cp "$1" "$copy"
setsid bash "$copy" > /dev/null 2>&1 < /dev/null &
echo "Submitted batch job $!"
"""
SCANCEL = """\
#!/bin/bash
kill -- "-$1" 2> /dev/null
exit 0
"""


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A cluster of dask-jobqueue whose commands are stand-ins."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    with SLURMCluster(
        cores=1, processes=1, memory="2GiB", walltime="00:10:00", python=sys.executable,
        worker_extra_args=["--lifetime", "8m", "--lifetime-stagger", "1m", "--host", "127.0.0.1", "--no-dashboard"],
        scheduler_options={"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}, log_directory=str(tmp_path),
        local_directory=str(tmp_path),
    ) as cluster:  # fmt: skip
        yield cluster


def test_workers_of_a_queue_carry_a_study_out(queue, own_rows, tmp_path):
    script = queue.job_script()
    assert "#SBATCH -n 1" in script
    assert "--nthreads 1" in script  # what the engine asks of a worker
    assert "--lifetime 8m" in script
    shares = [0.11, 0.12, 0.13, 0.14]
    queue.scale(jobs=2)
    queue.wait_for_workers(2, timeout=60)
    there = run_study(planned(tmp_path, OWN % shares, "there"), cluster=queue)
    here = run_study(planned(tmp_path, OWN % shares, "here"), jobs=1)
    assert there.collected.sha256 == here.collected.sha256
    assert len(own_rows.read_text().split()) == 2 * len(shares)
