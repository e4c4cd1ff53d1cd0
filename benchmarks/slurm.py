"""A study as an array job of a real Slurm, bound to loopback, one of its jobs requeued; one digest.

    apt-get install slurmctld slurmd slurm-client munge; make slurm

Starts munge, a controller and a node as processes of its own in a temporary folder, as root (Slurm's daemon asks for
it), submits the script that `cosim sweep script` prints, requeues the first job while it works, waits, and compares
the collected table with that of one process. Fails if anything but loopback is listened at. All that was started is
ended.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from cosim.studies.collecting import collect
from cosim.studies.folder import StudyFolder, create
from cosim.studies.running import run_study
from cosim.studies.scripts import array_script
from cosim.studies.store import read_journals

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue")
SHARDS = 3
WAIT_S = 600.0
STUDY = """\
schema: 1
base: five_nodes
seed: 7
design: {kind: sobol, rows: 32}
vary:
  ev.share: {uniform: [0.1, 0.3]}
  feeder.load_profile: {scale: {uniform: [0.9, 1.1]}}
"""
CONF = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
SchedulerParameters=sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def started(stack: ExitStack, *command: str) -> psutil.Popen:
    """Start a daemon in the foreground; it ends with the stack, and what it started with it."""
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end() -> None:
        family = [process, *process.children(recursive=True)] if process.is_running() else []
        for one in family:
            one.terminate()
        _, left = psutil.wait_procs(family, timeout=5.0)
        for one in left:
            one.kill()

    stack.callback(end)
    return process


def cluster(stack: ExitStack, folder: Path) -> list[psutil.Popen]:
    """Start munge, a controller and a node."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    paths = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "log", "pid", "seed")]
    munge = started(stack, "munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *paths)
    until((folder / "munge.socket").exists, "munge")
    conf = folder / "slurm.conf"
    conf.write_text(
        CONF.format(
            host=socket.gethostname().partition(".")[0], folder=folder, cpus=os.cpu_count(), controller=free_port(),
            node=free_port(),
        )
    )  # fmt: skip
    os.environ["SLURM_CONF"] = str(conf)
    controller = started(stack, "slurmctld", "-D", "-f", str(conf))
    node = started(stack, "slurmd", "-D", "-N", "node1", "-f", str(conf))
    until(lambda: "idle" in asked("sinfo", "-h", "-o", "%T"), "an idle node")
    return [munge, controller, node]


def asked(*command: str) -> str:
    """Return what a command of Slurm's says."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def until(true, what: str) -> None:
    """Wait until something holds."""
    begin = time.monotonic()
    while not true():
        if time.monotonic() - begin > WAIT_S:
            raise SystemExit(f"not within {WAIT_S:g} s: {what}")
        time.sleep(0.25)


def listening(processes: list[psutil.Popen]) -> set[str]:
    """Return the addresses that some processes and their children listen at."""
    family = {one for process in processes for one in (process, *process.children(recursive=True))}
    found = [one for process in family for one in process.net_connections("inet")]
    return {one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN}


def main() -> int:
    """Carry the study out; return 0 if its table is that of one process."""
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        raise SystemExit(f"{missing[0]} is missing: apt-get install slurmctld slurmd slurm-client munge")
    if os.geteuid() != 0:
        raise SystemExit("Slurm's daemons are started here as root; you are not")
    with tempfile.TemporaryDirectory(prefix="cosim-slurm-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        folder.chmod(0o755)
        (folder / "study.yaml").write_text(STUDY)
        study, alone = (create(folder / "study.yaml", folder / name) for name in ("study", "alone"))
        processes = cluster(stack, folder)
        script = folder / "job.sh"
        script.write_text(
            array_script(study.path, "slurm", shards=SHARDS, minutes=10, command=f"{sys.executable} -m cosim")
        )
        job = asked("sbatch", "--parsable", str(script))
        print(f"job {job}, an array of {SHARDS}, submitted")
        until(lambda: len(read_journals(study.path)) >= 3, "three rows")
        asked("scontrol", "requeue", f"{job}_1")
        print(f"requeued {job}_1 behind {len(read_journals(study.path))} rows")
        until(lambda: asked("squeue", "-h", "-r", "-o", "%T") == "" or hastened(job), "the end of the job")
        seen = listening(processes)
        table = collect(StudyFolder(study.path))
        expected = run_study(alone, jobs=1).collected
        print(f"{table.ended} of {table.rows} rows; listened at {', '.join(sorted(seen))}")
        print(f"{table.sha256[:16]} Slurm\n{expected.sha256[:16]} one process")
        return int(table.sha256 != expected.sha256 or seen != {"127.0.0.1"})


def hastened(job: str) -> bool:
    """Let a requeued job begin now: Slurm would wait for two minutes."""
    if "PENDING" in asked("squeue", "-h", "-r", "-o", "%T"):
        asked("scontrol", "update", f"JobId={job}_1", "StartTime=now")
    return False


if __name__ == "__main__":
    sys.exit(main())
