"""Where the CPU time of a command goes: what it loads, the solvers' own, and all the rest; seconds, as JSON.

    .venv/bin/python benchmarks/parts.py FILE run nguyen_ieee33 --out FOLDER

Solvers are the stochastic user equilibrium, Clarabel and pandapower's power flow. `day.py` lets two versions do this.
"""

import functools
import importlib._bootstrap as imports
import json
import sys
from pathlib import Path
from time import process_time


class Clock:
    """Gives the CPU time to the part that is at work: the last one that began."""

    def __init__(self):
        self.spent, self.at_work, self.since = {}, ["rest"], 0.0

    def turn(self):
        now, part = process_time(), self.at_work[-1]
        self.spent[part] = self.spent.get(part, 0.0) + now - self.since
        self.since = now

    def timed(self, part, call):
        @functools.wraps(call)
        def within(*given, **named):
            self.turn()
            self.at_work.append(part)
            try:
                return call(*given, **named)
            finally:
                self.turn()
                self.at_work.pop()

        return within


CLOCK = Clock()


class Clarabel:
    """One of its solvers: their class takes no other `solve`."""

    def __init__(self, make, given):
        self.made = CLOCK.timed("clarabel", make)(*given)

    def __getattr__(self, name):
        return CLOCK.timed("clarabel", self.made.solve) if name == "solve" else getattr(self.made, name)


def solvers(module):
    """Time the solvers of a module that was just loaded, before anybody takes them from it."""
    if module.__name__ == "clarabel":
        make = module.DefaultSolver
        module.DefaultSolver = lambda *given: Clarabel(make, given)
    elif module.__name__ == "pandapower":
        module.runpp = CLOCK.timed("pandapower", module.runpp)
    elif module.__name__ == "cosim.traffic.equilibrium":
        module.solve = CLOCK.timed("sue", module.solve)
    return module


def main(target, *arguments):
    load = CLOCK.timed("imports", imports._load_unlocked)
    imports._load_unlocked = lambda spec: solvers(load(spec))
    try:
        from cosim import cli

        cli.main(list(arguments))
    except SystemExit as done:
        CLOCK.turn()
        Path(target).write_text(json.dumps(CLOCK.spent))
        sys.exit(done.code)


if __name__ == "__main__":
    main(*sys.argv[1:])
