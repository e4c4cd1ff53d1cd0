"""Marks of tables: small enough to keep, and telling when one number of thousands changes.

A column is kept as its length, a digest of its bits, the sum of its magnitudes, and two sums with signs drawn by seed.
The digest tells *any* change; it can be asked for only where the same packages run on the same kind of processor, for
linear algebra rounds as the processor does. Elsewhere the sums decide, to what equilibria and programmes are solved to.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from cosim.results.store import RunResult

HERE = Path(__file__).parent
PACKAGES = ("numpy", "scipy", "pandas", "cvxpy", "clarabel", "pandapower", "eclipse-sumo")
LIKE_REL = 1e-5
"""Sums elsewhere: loops end within 1e-6 MW, equilibria within R = 1e-8 of a period's flow."""
LIKE_ABS = 1e-5
"""For columns of residuals, which are rounding: each far below the limit of its check."""
OF_THE_SOLVER = (
    *("iterations", "rounds", "starts", "steps", "retries", "residual", "status", "diagnosis", "objection"),
    *("sue_gap", "gap_rel", "gap_pu2", "fictitious_loss_kw", "bound_vph", "spread_vph"),
)
"""Columns, by their last words, that tell of the way to an answer; on another machine the way may differ."""
FIELDS = ("run", "table", "column", "numbers", "rows", "bits", "size", "first", "second")


def machine() -> dict[str, str]:
    """Return what bits depend on besides the code."""
    from numpy._core._multiarray_umath import __cpu_features__ as features

    found = "".join(sorted(name for name, has in features.items() if has))
    return {name: version(name) for name in PACKAGES} | {
        "python": platform.python_version(),
        "cores": str(os.cpu_count()),
        "processor": hashlib.sha256(found.encode()).hexdigest()[:16],
    }


def marks(run: str, tables: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    """Return a row for each column of each table."""
    return [_mark(run, table, frame[column]) for table, frame in sorted(tables.items()) for column in frame]


def tables_of(result: RunResult) -> dict[str, pd.DataFrame]:
    """Return the tables of a run folder."""
    return {name: result[name] for name in result.tables}


def _mark(run: str, table: str, column: pd.Series) -> dict[str, str]:
    numbers = column.dtype.kind in "fiub"
    plain = column.to_numpy(dtype=float) if numbers else np.zeros(len(column))
    told = plain.tobytes() if numbers else json.dumps(column.tolist()).encode()
    known = np.where(np.isfinite(plain), plain, 0.0)
    signs = np.random.default_rng(1).choice([-1.0, 1.0], size=(2, len(column)))
    return {
        "run": run, "table": table, "column": str(column.name), "numbers": str(numbers),
        "rows": str(len(column)),
        "bits": hashlib.sha256(told).hexdigest()[:16],
        "size": repr(float(np.abs(known).sum())),
        "first": repr(float((signs[0] * known).sum())), "second": repr(float((signs[1] * known).sum())),
    }  # fmt: skip


def stored(run: str) -> list[dict[str, str]]:
    """Return the rows kept of a run."""
    with (HERE / "stored.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["run"] == run]


def same_machine() -> bool:
    """Tell whether bits may be asked for."""
    return json.loads((HERE / "machine.json").read_text(encoding="utf-8")) == machine()


def differences(run: str, tables: dict[str, pd.DataFrame], *, bits: bool) -> list[str]:
    """Return the columns that hold something else than they did; names gone, and names new."""
    kept = {(row["table"], row["column"]): row for row in stored(run)}
    found = {(row["table"], row["column"]): row for row in marks(run, tables)}
    names = [f"{table}.{column} is gone" for table, column in kept.keys() - found.keys()]
    names += [f"{table}.{column} is new" for table, column in found.keys() - kept.keys()]
    both = [(name, kept[name], found[name]) for name in kept if name in found]
    return names + [f"{'.'.join(name)} differs" for name, old, new in both if not _same(old, new, bits=bits)]


def _same(old: dict[str, str], new: dict[str, str], *, bits: bool) -> bool:
    if bits:
        return old == new
    if (old["numbers"], old["rows"]) != (new["numbers"], new["rows"]):
        return False
    if old["column"].endswith(OF_THE_SOLVER):
        return True
    if old["numbers"] == "False":
        return old["bits"] == new["bits"]
    allowed = LIKE_REL * float(old["size"]) + LIKE_ABS
    return all(abs(float(old[name]) - float(new[name])) <= allowed for name in ("size", "first", "second"))


def write(runs: dict[str, dict[str, pd.DataFrame]]) -> None:
    """Keep the marks of runs, and the machine that made them."""
    with (HERE / "stored.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        for run, tables in runs.items():
            writer.writerows(marks(run, tables))
    (HERE / "machine.json").write_text(json.dumps(machine(), indent=2) + "\n", encoding="utf-8")
