"""Rows of a package of somebody's own, which do what rows may do wrong."""

from pathlib import Path

import cosim
from cosim.studies.folder import create

ROOT = Path(cosim.__file__).parents[1]
ROWS = """\
import os, time
from pathlib import Path

def own(scenario, overrides, seed, folder):
    share = float(overrides[0].partition("=")[2])
    with open(os.environ["STARTS"], "a") as file:
        file.write(f"{share}\\n")
    if share == 0.25:
        os._exit(9)
    if share == 0.35:
        raise ValueError("no root")
    if share == 0.45:
        time.sleep(60)
    if share == 0.55:
        kept = bytearray(900 << 20)
        kept[:: 4096] = b"x" * len(kept[:: 4096])
        time.sleep(60)
    time.sleep(float(os.environ.get("SLOW", "0")))
    return {"double": 2 * share, "seed": seed}
"""
OWN = """\
schema: 1
base: five_nodes
seed: 7
design: {kind: grid}
vary: {ev.share: {values: %s}}
run: own
limits: {attempts: 2, row_timeout_s: 4, memory: 800MiB}
"""
SHARES = [round(0.01 * k, 2) for k in range(10, 60) if k % 10 != 5 or k in (25, 35, 45, 55)]


def planned(folder, text, name="study"):
    (folder / f"{name}.yaml").write_text(text)
    return create(folder / f"{name}.yaml", folder / name)
