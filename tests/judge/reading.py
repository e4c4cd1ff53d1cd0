"""A scenario's folder and a run's folder as plain arrays; defaults are those that the documentation states."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from tests.judge.grid import Grid

INF = float("inf")


@dataclass
class Case:
    """A scenario: the mapping itself, and what of it needs a file or a default."""

    folder: Path
    data: dict
    periods: int
    hours: float

    def series(self, value):
        """Return one number a period: a constant, a list, or a column of a file."""
        if isinstance(value, dict):
            rows = rows_of(self.folder / value["file"])
            return np.array([row[value["column"]] for row in rows], dtype=float) * value.get("scale", 1.0)
        return np.broadcast_to(np.array(value, dtype=float), (self.periods,)).copy()

    @property
    def has_roads(self):
        return "roads" in self.data

    @property
    def has_grid(self):
        return "grid" in self.data

    @property
    def stations(self):
        return self.data.get("stations", [])

    @property
    def devices(self):
        return self.data.get("devices", [])

    @property
    def dispatch(self):
        return {
            "mode": "rolling", "loss_price_per_mwh": 100.0, "ev_curtailment_price_per_mwh": 2000.0,
            "shedding_price_per_mwh": 10000.0, "voltage_slack_price": None, "lookahead_periods": None,
            "forecast": "perfect", "forecast_error": 0.1, "forecast_correlation": 0.0,
        } | self.data["dispatch"]  # fmt: skip

    @property
    def coupling(self):
        own = dict(self.data.get("coupling", {}))
        price = own.pop("ev_price", {"kind": "none"})
        seen = {"ev_price": price["kind"], "markup": price.get("markup", 0.0), "price_file": price.get("file")}
        return {"mode": "sequential", "tolerance_mw": 1e-6} | own | seen

    @property
    def energy_kwh(self):
        return self.data["ev"]["recharge_share"] * self.data["ev"]["battery_kwh"]

    @property
    def nodal(self):
        """Whether drivers see the grid's own prices."""
        return self.has_roads and self.has_grid and bool(self.stations) and self.coupling["ev_price"] == "nodal"

    def grid(self):
        """Return the feeder."""
        feeder = self.data["feeder"]
        folder = self.folder / self.data["grid"]
        buses = rows_of(folder / "bus.csv")
        lines = [row for row in rows_of(folder / "line.csv") if str(row.get("in_service", "true")).lower() != "false"]
        if not feeder.get("current_limits", False):
            lines = [row | {"max_i_ka": None} for row in lines]
        return Grid.of_rows([row["id"] for row in buses], lines, float(buses[0]["vn_kv"]), str(feeder["slack_bus"]))

    def base_load(self, grid):
        """Return active and reactive base load per bus and period, MW and Mvar."""
        total = np.zeros((2, len(grid.ids)))
        for row in rows_of(self.folder / self.data["grid"] / "load.csv"):
            if str(row.get("in_service", "true")).lower() == "false":
                continue
            scaling = 1.0 if row.get("scaling") is None else row["scaling"]
            total[:, grid.ids.index(row["bus"])] += np.array([row["p_mw"], row["q_mvar"]]) * scaling
        profile = self.series(self.data["feeder"].get("load_profile", 1.0))
        return total[0][:, None] * profile, total[1][:, None] * profile

    def given_load(self):
        """Return (bus, MW per period) of the charging load that stands in for roads."""
        rows = rows_of(self.folder / self.data["given"]["ev_load_mw"]) if "given" in self.data else []
        names = [name for name in rows[0] if name != "period"] if rows else []
        return {name: np.array([row[name] for row in rows], dtype=float) for name in names}

    def station_prices(self):
        """Return given prices per station and period, or None."""
        file = self.coupling["price_file"] or self.data.get("given", {}).get("station_price_per_mwh")
        if file is None:
            return None
        rows = rows_of(self.folder / file)
        return np.array([[row[station["name"]] for row in rows] for station in self.stations], dtype=float)


def read_case(folder):
    """Read a scenario's folder."""
    folder = Path(folder)
    data = json.loads(json.dumps(YAML(typ="safe").load((folder / "scenario.yaml").read_text(encoding="utf-8"))))
    return Case(folder=folder, data=data, periods=data.get("periods", 24), hours=data.get("period_min", 60) / 60.0)


def rows_of(path):
    """Read a CSV file; what looks like a number is one, ids stay text, empty cells are None."""
    ids = {"id", "from_node", "to_node", "from_bus", "to_bus", "bus", "origin", "destination", "in_service"}
    with Path(path).open(encoding="utf-8", newline="") as stream:
        rows = [dict(row) for row in csv.DictReader(stream)]
    for row in rows:
        for name, text in row.items():
            if text in ("", None):
                row[name] = None
            elif name not in ids:
                row[name] = float(text)
    return [row for row in rows if any(value is not None for value in row.values())]


@dataclass
class Told:
    """What a run stored."""

    tables: dict[str, pd.DataFrame]
    exit_code: int
    statuses: dict
    reasons: list

    def table(self, name, period):
        """Return the rows of a period, numbered from 0."""
        table = self.tables[name]
        return table[table["period"] == period + 1].reset_index(drop=True)

    def matrix(self, name, key, ids, column):
        """Return a column as (ids, periods)."""
        pivot = self.tables[name].pivot(index=key, columns="period", values=column)
        return pivot.reindex(index=list(ids)).to_numpy(dtype=float)

    def row(self, column, default=np.nan):
        """Return a column of the periods' table."""
        table = self.tables["periods"]
        return table[column].to_numpy() if column in table else np.full(len(table), default)

    def flags(self, period):
        """Return the flags of a period, numbered from 0."""
        return [flag for flag in str(self.row("flags", "")[period] or "").replace(",", " ").split() if flag]


def read_run(folder):
    """Read a finished run."""
    folder = Path(folder)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    tables = {path.stem: pd.read_parquet(path) for path in sorted((folder / "tables").glob("*.parquet"))}
    return Told(
        tables=tables, exit_code=record["exit_code"], statuses=record.get("period_statuses", {}),
        reasons=record.get("reasons", []),
    )  # fmt: skip
