"""Random scenarios, one for each seed: a folder with ``scenario.yaml`` and its CSV files.

Everything that the documentation of scenarios allows may be drawn, and what is rare in practice is drawn often: zero
loads, limits that bind, prices of zero and below, odd bases. Sizes follow from each other (a feeder is loaded until its
voltage drops by a drawn amount, a station is sized by its demand), so that most draws are sensible and few are refused.
"""

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.judge.drawing_grid import DrawsGrid
from tests.judge.drawing_roads import DrawsRoads


@dataclass
class Drawn:
    """A scenario as plain data, and its CSV files as rows."""

    scenario: dict
    tables: dict[str, list[dict]] = field(default_factory=dict)

    def write(self, folder):
        """Write the folder; YAML of this kind is JSON."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scenario.yaml").write_text(json.dumps(self.scenario, indent=1) + "\n", encoding="utf-8")
        for name, rows in self.tables.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n", restval="")
            writer.writeheader()
            writer.writerows(rows)
            path.write_text(text.getvalue(), encoding="utf-8")
        return folder


def draw(seed, *, small=False):
    """Return the scenario of a seed; a small one has few periods and buses."""
    return _Scenario(seed, small).scenario()


class _Scenario(DrawsRoads, DrawsGrid):
    def scenario(self):
        """Draw the parts in an order in which each can size the next."""
        has = self.pick(("both", "roads", "grid"), p=(0.76, 0.08, 0.16))
        drawn = Drawn(
            {
                "schema": 1, "title": f"random {self.seed}", "currency": "EUR", "seed": self.seed,
                "periods": self.periods, "period_min": self.period_min,
            }
        )  # fmt: skip
        charging_mw = np.zeros(self.periods)
        if has != "grid":
            charging_mw = self._roads(drawn)
        if has != "roads":
            self._grid(drawn, charging_mw)
        self._coupling(drawn, has)
        return drawn

    def _coupling(self, drawn, has):
        scenario = drawn.scenario
        stations = scenario.get("stations", [])
        if not stations:
            return
        rule = self.pick(("none", "tariff", "series", "nodal"), p=(0.25, 0.1, 0.15, 0.5))
        if rule == "tariff" and has == "roads":
            rule = "none"
        if rule == "none":
            if has == "both" and self.chance(0.2):
                scenario["coupling"] = {"mode": "iterated"}
            return
        coupling = {"ev_price": {"kind": rule}}
        if rule == "series" or (rule == "nodal" and has == "roads"):
            self._prices(drawn, coupling, stations)
        if has == "both" and rule == "nodal":
            self._loop(coupling, in_time=scenario["ev"].get("charging_load") == "kernel")
        elif has == "both" and self.chance(0.15):
            coupling["mode"] = "iterated"
        if rule == "tariff" and self.chance(0.3):
            coupling["ev_price"]["markup"] = 0.1
        scenario["coupling"] = coupling

    def _prices(self, drawn, coupling, stations):
        drawn.tables["prices.csv"] = [
            {"period": t + 1} | {s["name"]: self.between(-100 if self.chance(0.1) else 50, 900, 1) for s in stations}
            for t in range(self.periods)
        ]
        if coupling["ev_price"]["kind"] == "series":
            coupling["ev_price"]["file"] = "prices.csv"
        else:
            drawn.scenario["given"] = {"station_price_per_mwh": "prices.csv"}

    def _loop(self, coupling, *, in_time):
        coupling["mode"] = "iterated"
        if self.chance(0.3):
            coupling["method"] = self.pick(("newton", "iterate") if in_time else ("newton", "admm"))
        if self.chance(0.2):
            coupling["ev_price"]["markup"] = self.pick((-0.2, 0.1, 0.5))
