"""F34: the same seed on one thread and on two: the same bits in every table."""

import os
import subprocess
import sys

import cosim
from cosim.dispatch.backends import clarabel


def test_one_and_two_threads_give_the_same_bits(small, tmp_path):
    path = small("ev: {fast_charge_share: mcmc, behaviour: {vehicles: 200}}\n")
    command = [sys.executable, "-m", "cosim", "run", str(path), "--no-report", "--set", "dispatch.mode=day_ahead"]
    folders = [tmp_path / count for count in "12"]
    for folder in folders:
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"), folder.name)
        subprocess.run([*command, "--out", str(folder)], env=os.environ | threads, check=True, capture_output=True)
    one, two = (cosim.load(folder) for folder in folders)
    assert one.tables == two.tables
    for name in one.tables:
        for column, values in one[name].items():
            assert values.equals(two[name][column]), (name, column)


def test_the_solver_is_told_to_use_one(hour, monkeypatch):
    """Unguarded, Clarabel takes as many as there are."""
    import clarabel as solver

    assert solver.DefaultSettings().max_threads == 0
    seen = []
    real = solver.DefaultSolver
    monkeypatch.setattr(solver, "DefaultSolver", lambda *parts: seen.append(parts[-1]) or real(*parts))
    assert hour.problem().solve(hour.window(), hour.states, backend=clarabel).record.usable
    assert [(one.max_threads, one.direct_solve_method) for one in seen] == [(1, "qdldl")]
