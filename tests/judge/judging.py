"""The judge: every stored number of a run against our own, with the limit beyond which it counts as wrong.

Numbers are recomputed from the scenario's files and from setpoints that the run stored: travel times and route choice
from the flows, the grid's state from the injections, costs and payments from the powers, stored energy from charge and
discharge. Optima and prices come from our own programme. What cannot be decided (our own solver stalls) is said.
"""

from dataclasses import dataclass, field

from tests.judge.comparing import LAST_RESORTS, PRECEDENCE, SEVERITY
from tests.judge.on_devices import OnDevices
from tests.judge.on_grid import OnGrid
from tests.judge.on_optimum import OnOptimum
from tests.judge.on_roads import OnRoads
from tests.judge.reading import read_case, read_run
from tests.judge.roads import Roads


@dataclass
class Judgement:
    """Verdict on one run: ``right``, ``silent wrong``, ``false alarm`` or ``flagged and off``."""

    verdict: str
    exit_code: int
    findings: list = field(default_factory=list)
    alarms: list = field(default_factory=list)
    undecided: list = field(default_factory=list)


def judge(scenario_folder, run_folder):
    """Judge a finished run of a scenario."""
    return _Judge(read_case(scenario_folder), read_run(run_folder)).verdict()


class _Judge(OnRoads, OnGrid, OnDevices, OnOptimum):
    def verdict(self):
        """Go through roads, grid, money, optima and prices; weigh the exit code against what was found."""
        self.tariff = self._tariff()
        if self.case.has_roads:
            self.roads = Roads(self.case)
            self._routes()
            if self.case.stations:
                self._charging()
        if self.case.has_grid:
            self.grid = self.case.grid()
            self.p_mw, self.q_mvar = self.case.base_load(self.grid)
            self.ev_mw, self.ev_buses = self._charging_load()
            for k in range(self.T):
                if self.answered(k):
                    self._powers(k)
                    self._state(k)
                    self._devices(k)
                    self._money(k)
            self._over_the_day()
            self._optima()
        return self._weigh()

    def _weigh(self):
        code = self.told.exit_code
        for k in self.overloaded:
            if "station_overloaded" not in self.told.flags(k):
                self.near(k, "a station over its chargers is flagged", 0.0, 1.0, 0.5)
        if code == 0:
            return Judgement("silent wrong" if self.found else "right", code, self.found, [], self.undecided)
        justified, alarms = self._justified()
        deserved = next((one for one in PRECEDENCE if one in justified), 0)
        if deserved != code and alarms and not self.undecided:
            verdict = "false alarm"
        elif any(finding.period not in self._flagged(code) for finding in self.found):
            verdict = "flagged and off"
        else:
            verdict = "right"
        return Judgement(verdict, code, self.found, alarms, self.undecided)

    def _flagged(self, code):
        """Return the periods whose numbers are told to be doubtful, and -1 for the day as a whole."""
        doubtful = {k for k in range(self.T) if any(SEVERITY.get(flag, 6) == 6 for flag in self.told.flags(k))}
        return doubtful | ({-1} if doubtful else set())

    def _justified(self):
        """Return the exit codes that the periods deserve, and the flags that nothing supports."""
        deserved, alarms = {0}, []
        for k in range(self.T):
            for flag in self.told.flags(k):
                if self._supported(k, flag):
                    deserved.add(SEVERITY.get(flag, 6))
                else:
                    alarms.append(f"period {k + 1}: {flag}")
        return deserved, alarms

    def _supported(self, k, flag):
        if flag == "station_overloaded":
            return k in self.near_capacity
        if flag in LAST_RESORTS:
            return not self.hard.get(k, False)
        if self.case.has_grid and not self.answered(k):
            return not self.exact.get(k, False)
        return any(one.period in (k, -1) for one in self.found) or not self.met.get(k, True)
