"""Array jobs for clusters with a queue: each shard is one job of one core, which opens no port and needs no server."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from cosim.studies.numerics import environment

_SLURM = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=1-{shards}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --time={time}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@120
#SBATCH --output={folder}/slurm-%a.log
"""
_PBS = """\
#!/bin/bash
#PBS -N {name}
#PBS -J 1-{shards}
#PBS -l select=1:ncpus=1
#PBS -l walltime={time}
#PBS -r y
#PBS -j oe
"""
_LSF = """\
#!/bin/bash
#BSUB -J "{name}[1-{shards}]"
#BSUB -n 1
#BSUB -W {minutes}
#BSUB -r
#BSUB -o {folder}/lsf-%I.log
"""
_BODY = """\
{exports}
cd {cwd}
# The batch system's TERM ends the shard behind the row in flight; the same job again does the rest.
{command} sweep run {study} --shard "${{{index}}}/{shards}" --progress plain &
child=$!
trap 'kill -TERM "$child"' TERM
wait "$child"; code=$?
# A trapped signal breaks the first wait off; the shard is still ending then.
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
# Rows that are flagged are results: the batch system need not take them for a failure.
[ "$code" -eq 10 ] && exit 0
exit "$code"
"""
SYSTEMS: Mapping[str, tuple[str, str, str]] = {
    "slurm": (_SLURM, "SLURM_ARRAY_TASK_ID", "sbatch"),
    "pbs": (_PBS, "PBS_ARRAY_INDEX", "qsub"),
    "lsf": (_LSF, "LSB_JOBINDEX", "bsub <"),
}
"""Head of the script, the variable that numbers a job of an array, and what submits it."""


def array_script(folder: Path, system: str, *, shards: int, minutes: int = 240, command: str = "cosim") -> str:
    """Return the script of an array job that carries a planned study out.

    Parameters
    ----------
    folder
        The study's folder, at the same path on all machines.
    system
        ``slurm``, ``pbs`` or ``lsf``.
    shards
        Jobs of the array.
    minutes
        Wall time of each.
    command
        How cosim is called there.
    """
    head, index, submit = SYSTEMS[system]
    path = folder.resolve()
    told = {
        "name": f"cosim-{path.name}", "shards": shards, "folder": shlex.quote(str(path)), "minutes": minutes,
        "time": f"{minutes // 60:02d}:{minutes % 60:02d}:00",
    }  # fmt: skip
    exports = "export " + " ".join(f"{name}={value}" for name, value in environment().items())
    body = _BODY.format(
        exports=exports, cwd=shlex.quote(str(path.parent)), command=command, study=shlex.quote(str(path)), index=index,
        shards=shards,
    )  # fmt: skip
    after = f"# submit: {submit} SCRIPT; at the end: {command} sweep collect {shlex.quote(str(path))}\n"
    return head.format(**told) + after + body
