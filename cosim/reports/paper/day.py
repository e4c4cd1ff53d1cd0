"""A day as the paper's figures read it: matrices over the periods from the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.tariffs.dynamic import DynamicTariffSettings
from cosim.dispatch.tariffs.static import StaticTariffSettings
from cosim.errors import InputError
from cosim.scenario.case import SimulationCase
from cosim.scenario.road_case import RoadCase

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaperDay:
    """A finished day of roads and grid.

    Attributes
    ----------
    case
        The scenario's domain objects.
    tables
        Results by table name (see ``docs/results.md``), rows of all T periods.
    tariff
        Settings of the announced price.
    """

    case: SimulationCase
    tables: Mapping[str, pd.DataFrame]
    tariff: DynamicTariffSettings | StaticTariffSettings

    @property
    def roads(self) -> RoadCase:
        """The road side."""
        if self.case.roads is None:
            raise InputError(f"scenario '{self.case.name}' has no roads; the paper's figures need both sides")
        return self.case.roads

    @property
    def dispatch(self) -> DispatchCase:
        """The grid side."""
        if self.case.dispatch is None:
            raise InputError(f"scenario '{self.case.name}' has no grid; the paper's figures need both sides")
        return self.case.dispatch

    @property
    def hours(self) -> Array:
        """Numbers of the periods, from 1, shape ``(T,)``."""
        return np.arange(1.0, self.case.timeline.periods + 1.0)

    @property
    def period_h(self) -> float:
        """Length of a period, h."""
        return self.case.timeline.period_h

    def series(self, column: str) -> Array:
        """Return a column of table ``periods``, shape ``(T,)``."""
        values: Array = self.tables["periods"].sort_values("period")[column].to_numpy(dtype=float)
        return values

    def matrix(self, table: str, key: str, column: str) -> dict[str, Array]:
        """Return a column of a table by id, each of shape ``(T,)``; a period without a row counts as 0."""
        frame = self.tables[table]
        wide = frame.pivot_table(index=key, columns="period", values=column, sort=False, aggfunc="sum")
        wide = wide.reindex(columns=self.hours.astype(int), fill_value=0.0).fillna(0.0)
        return {str(name): row.to_numpy(dtype=float) for name, row in wide.iterrows()}

    def settings(self, kind: type) -> list[Any]:
        """Return the settings of this type among the scenario's devices."""
        return [one for one in self.dispatch.devices if isinstance(one, kind)]

    def devices(self, settings: type) -> dict[str, Array]:
        """Return the power [MW] of the scenario's devices with settings of this type, each of shape ``(T,)``."""
        power = self.matrix("devices", "device", "p_mw")
        return {one.name: power[one.name] for one in self.settings(settings)}

    def power_mw(self, settings: type) -> Array:
        """Return the sum of these devices, shape ``(T,)``, MW; zeros without any."""
        found = self.devices(settings)
        return np.asarray(np.sum(list(found.values()), axis=0)) if found else np.zeros_like(self.hours)

    @property
    def demand_mw(self) -> Array:
        """Base load and charging load demanded, before any response, shape ``(T,)``."""
        return np.asarray(self.dispatch.base_p_mw.sum(axis=0) + self.series("ev_mw"))

    @property
    def renewable_mw(self) -> Array:
        """What sun and wind could give, shape ``(T,)``."""
        series = self.dispatch.series.values()
        return np.asarray(np.sum([rows["available_mw"] for rows in series if "available_mw" in rows], axis=0))

    @property
    def equivalent_load_mw(self) -> Array:
        """Base load and charging demand less photovoltaics and wind as announced (Peq of Eq 22), shape ``(T,)``."""
        total = self.roads.charging_total_mw
        return np.asarray(self.dispatch.base_p_mw.sum(axis=0) + total - self.renewable_mw)
