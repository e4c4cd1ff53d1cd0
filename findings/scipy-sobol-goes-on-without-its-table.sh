#!/usr/bin/env bash
# scipy 1.17.1: `scipy.stats.qmc.Sobol` where its table of direction numbers cannot be read.
#
# Guess: an installation without the data file scipy/stats/_sobol_direction_numbers.npz (a frozen or stripped application, an
# import hook whose loader has no resource reader) raises when a sequence is asked for.
# Seen: the error is raised in a Cython function that cannot hand it on. It is printed on standard error as "Exception ignored in",
# and the sequence goes on with direction numbers that are all zero: its points are all one point. Scrambling moves that to
# a random place, so that a single row looks right; no exception, no warning of `warnings`, exit 0.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
cat > "$work/draw.py" <<'PY'
import numpy as np
import scipy
from scipy.stats import qmc

points = qmc.Sobol(3, rng=7).random(8)
distinct = [len(np.unique(column)) for column in points.T]
balanced = [len(np.unique((column * 8).astype(int))) == 8 for column in points.T]
print(scipy.__version__, "distinct values a column", distinct, "one in each eighth", balanced)
PY
whole=$("$work/venv/bin/python" -W error "$work/draw.py" 2> "$work/whole.txt")
echo "whole:   $whole"
[ ! -s "$work/whole.txt" ]
[[ "$whole" == *"distinct values a column [8, 8, 8] one in each eighth [True, True, True]"* ]]
rm "$("$work/venv/bin/python" -c 'import scipy.stats, os; print(os.path.dirname(scipy.stats.__file__))')/_sobol_direction_numbers.npz"
without=$("$work/venv/bin/python" -W error "$work/draw.py" 2> "$work/without.txt")
echo "without: $without"
grep "Exception ignored in" "$work/without.txt"
[[ "$without" != *"[True, True, True]"* ]]
