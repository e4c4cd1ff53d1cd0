#!/usr/bin/env bash
# Clarabel 0.11.1, Python interface: what a termination callback may return, and what becomes of an exception in it.
#
# Guess: a callback stops the solver by returning something true; an exception in it ends the solve and reaches the caller,
# as in scipy and in other solvers' Python interfaces.
# Seen: only a bool stops (Python's or numpy's); 1 and other true objects do not. An exception is printed to stderr at each
# iteration, the solver runs on, and the status is Solved. That holds for KeyboardInterrupt, too: a Ctrl-C that Python
# notices within the callback is shown and forgotten, and a loop of many solves goes on.
# What to do: return bool(...); catch what the body raises, return True, and raise it again after solve().
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check clarabel==0.11.1 numpy==2.4.6 scipy==1.17.1
OPENBLAS_NUM_THREADS=1 "$work/venv/bin/python" - 2> "$work/stderr" <<'PY'
import os
import signal

import clarabel
import numpy as np
import scipy.sparse as sp

n = 60  # the projection of (1, ..., 1) on a box
upper = np.random.default_rng(0).uniform(0.1, 2.0, n)
rows = sp.csc_matrix(np.vstack([np.eye(n), -np.eye(n)]))


def solve(callback=None):
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    right = np.concatenate([upper, np.zeros(n)])
    solver = clarabel.DefaultSolver(
        sp.csc_matrix(np.eye(n)), -np.ones(n), rows, right, [clarabel.NonnegativeConeT(2 * n)], settings
    )
    if callback is not None:
        solver.set_termination_callback(callback)
    return solver.solve()


def raising(error):
    def callback(info):
        raise error

    return callback


plain = solve()
print("no callback:", plain.status, plain.iterations, "iterations")
for shown, answer, stops in (("True", True, True), ("1", 1, False), ("numpy.True_", np.True_, True), ("None", None, False)):
    found = solve(lambda info: answer if info.iterations >= 3 else False)
    print(f"returns {shown} from iteration 3 on: {found.status} after {found.iterations}")
    assert (str(found.status) == "CallbackTerminated") == stops, "what a callback may return has changed"
for error in (RuntimeError("out of patience"), KeyboardInterrupt()):
    found = solve(raising(error))
    print(f"raises {type(error).__name__}: {found.status} after {found.iterations}")
    assert (str(found.status), found.iterations) == ("Solved", plain.iterations), "an exception now has an effect"


def pressed(info):
    if info.iterations == 2:
        os.kill(os.getpid(), signal.SIGINT)
    return sum(range(1000)) < 0  # Python runs, and sees the signal


interrupted = ""
try:
    found = solve(pressed)
except KeyboardInterrupt:
    interrupted = "KeyboardInterrupt"
print("Ctrl-C within the callback:", interrupted or f"{found.status} after {found.iterations}, and the program goes on")
assert not interrupted, "an interrupt now reaches the caller"
PY
echo "on stderr: $(grep -c '^RuntimeError' "$work/stderr") lines RuntimeError, $(grep -c '^KeyboardInterrupt' "$work/stderr") lines KeyboardInterrupt"
grep -q '^RuntimeError' "$work/stderr"
