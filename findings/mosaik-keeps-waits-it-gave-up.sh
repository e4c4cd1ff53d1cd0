#!/usr/bin/env bash
# mosaik 3.6.0 (mosaik-api-v3 3.0.16): what a step costs in a long run, with a simulator that is triggered by another one.
#
# Guess: a step costs the same whether it is the tenth or the ten thousandth; a run of twice as many steps takes twice as long.
# Seen: an event-based simulator waits, in each of its steps, for its next one or for the end of the run, whichever comes first. The wait
# that lost is cancelled, but stays in the list that is gone through whenever anybody's progress moves (`mosaik.progress`). With one
# time-based source and one triggered sink, 250 steps look at 255 waits each on average, 1,000 steps at 1,005: the whole grows with the square
# of the steps. No warning, right results. In a world of four simulators with work of 25 ms a step, step 5,000 took 96 ms. What to do: run a
# long time as several worlds, each from where the last one stood.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check mosaik==3.6.0 mosaik-api-v3==3.0.16
cd "$work"
cat > two.py <<'PY'
import cProfile
import pstats

import mosaik
import mosaik_api_v3 as api


class Clock(api.Simulator):
    """Tells the time once a step."""

    def __init__(self):
        super().__init__({"type": "time-based", "models": {"Hand": {"public": True, "params": [], "attrs": ["now"]}}})

    def create(self, num, model):
        return [{"eid": f"hand{k}", "type": model} for k in range(num)]

    def step(self, time, inputs, max_advance):
        self.now = time
        return time + 1

    def get_data(self, outputs):
        return {eid: {"now": self.now} for eid in outputs}


class Listener(api.Simulator):
    """Is triggered by what it hears."""

    def __init__(self):
        ear = {"public": True, "params": [], "attrs": ["heard"], "trigger": ["heard"]}
        super().__init__({"type": "event-based", "models": {"Ear": ear}})
        self.count = 0

    def create(self, num, model):
        return [{"eid": f"ear{k}", "type": model} for k in range(num)]

    def step(self, time, inputs, max_advance):
        self.count += 1

    def get_data(self, outputs):
        return {}


def waits_a_step(steps):
    """Return how many waits are looked at, for each step of a run."""
    parts = {"Clock": {"python": "two:Clock"}, "Listener": {"python": "two:Listener"}}
    profile = cProfile.Profile()
    with mosaik.World(parts, skip_greetings=True, configure_logging=False) as world:
        hand, ear = world.start("Clock").Hand(), world.start("Listener").Ear()
        world.connect(hand, ear, ("now", "heard"))
        profile.enable()
        world.run(until=steps, print_progress=False)
        profile.disable()
    calls = [value[1] for key, value in pstats.Stats(profile).stats.items() if key[2] == "_triggered_time"]
    assert len(calls) == 1, "the function that looks at waits has another name now"
    return calls[0] / steps


if __name__ == "__main__":
    found = {steps: waits_a_step(steps) for steps in (250, 500, 1000)}
    for steps, waits in found.items():
        print(f"{steps} steps: {waits:.0f} waits looked at in each")
    assert found[250] > 200, "waits that lost are not kept any more"
    assert 3.5 < found[1000] / found[250] < 4.5, "the whole does not grow with the square of the steps any more"
PY
"$work/venv/bin/python" two.py 2> /dev/null
