#!/usr/bin/env bash
# mosaik 3.6.0 (mosaik-api-v3 3.0.16): a simulator that raises in step().
#
# Guess: World.run raises, wherever the simulator runs; or for neither.
# Seen: in process the simulator's own ValueError comes out of run(). The same simulator started with "cmd" (its own
# process) has its traceback logged as ERROR, the run ends early, and World.run returns as if it had reached `until`: no
# exception, exit status 0, results for 2 of 5 steps. Moving a simulator out of the process turns a failed experiment
# into a short one. What to do: count the steps of a monitor that sits in process after each run, and raise yourself.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check mosaik==3.6.0 mosaik-api-v3==3.0.16
cd "$work"
cat >source_simulator.py <<'PY'
import mosaik_api_v3

META = {"type": "time-based", "models": {"Model": {"public": True, "params": [], "attrs": ["x"]}}}


class Source(mosaik_api_v3.Simulator):
    def __init__(self):
        super().__init__(META)

    def init(self, sid, time_resolution=1.0):
        return self.meta

    def create(self, num, model):
        return [{"eid": f"model-{i}", "type": model} for i in range(num)]

    def step(self, time, inputs, max_advance):
        if time == 2:
            raise ValueError("no solution in step 2")
        return time + 1

    def get_data(self, outputs):
        return {eid: dict.fromkeys(attrs, 1.0) for eid, attrs in outputs.items()}


if __name__ == "__main__":
    mosaik_api_v3.start_simulation(Source())
PY
cat >scenario.py <<'PY'
import sys

import mosaik
from source_simulator import Source

WAYS = {"in_process": {"python": "source_simulator:Source"}, "own_process": {"cmd": "%(python)s source_simulator.py %(addr)s"}}
STEPS = []


class Monitor(Source):
    def step(self, time, inputs, max_advance):
        STEPS.append(time)
        return time + 1


world = mosaik.World({"Source": WAYS[sys.argv[1]], "Monitor": {"python": "__main__:Monitor"}})
world.connect(world.start("Source").Model(), world.start("Monitor").Model(), "x")
try:
    world.run(until=5, print_progress=False)
except ValueError as error:
    print(f"raised: {error}; steps {STEPS}")
else:
    print(f"returned; steps {STEPS}")
PY
for way in in_process own_process; do
  seen=$("$work/venv/bin/python" scenario.py "$way" 2>"$way.log" | tail -n 1)
  echo "$way: $seen"
  case "$way: $seen" in
    "in_process: raised: no solution in step 2; steps [0, 1]" | "own_process: returned; steps [0, 1]") ;;
    *) echo "the two ways no longer differ like this"; exit 1 ;;
  esac
done
grep -q "aborted the simulation with error ValueError" own_process.log
