"""Profiles simulator: fixed series in place of what a missing simulator would produce.

One ``Series`` entity per station (price) or bus (charging load); it gives the value of each period and the whole day.
"""

from __future__ import annotations

from typing import Any

from mosaik_api_v3.types import CreateResult, OutputData, OutputRequest

from cosim.arrays import Array
from cosim.errors import ComponentError
from cosim.quantities import meta
from cosim.simulators.base import Inputs, PeriodSimulator, Values, serve


class Simulator(PeriodSimulator):
    """Time-based: the given values of each period."""

    name = "profiles"

    def __init__(self) -> None:
        super().__init__(meta("profiles", "time-based", {"Series": []}))

    def setup(self, **params: Any) -> None:  # noqa: ANN401 - mosaik's interface
        """Collect what the scenario gives."""
        super().setup(**params)
        case = self.case
        self.values_of: dict[str, tuple[str, Array]] = {}
        if case.roads is None and case.dispatch is not None and case.given_load_mw is not None:
            for name, row in zip(case.dispatch.station_names, case.given_load_mw, strict=True):
                self.values_of[f"Series-{name}"] = ("P_demand[MW]", row)
        price = case.announced_price_per_mwh()
        if case.dispatch is None and case.roads is not None and price is not None:
            for station, row in zip(case.roads.stations, price, strict=True):
                self.values_of[f"Series-{station.name}"] = ("price[CNY/MWh]", row)

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:  # noqa: ANN401
        """Create the scenario's series."""
        if num != len(self.values_of):
            raise ComponentError(f"profiles: the scenario gives {len(self.values_of)} series, not {num}")
        self.entities = dict.fromkeys(self.values_of, model)
        return [{"eid": eid, "type": model, "extra_info": {"id": eid.removeprefix("Series-")}} for eid in self.entities]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Move to the period."""
        self.position = self.period_at(time)
        self.periods_done += 1
        return time + self.step_size

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """Return the values of the period."""
        data = {}
        for eid, attrs in outputs.items():
            attr, row = self.values_of[eid]
            values: Values = {attr: float(row[self.position])}
            if attr == "P_demand[MW]":
                values["P_forecast[MW]"] = row.tolist()
            data[eid] = self.pick(eid, values, attrs)
        return data


def main() -> None:
    """Serve the simulator to a mosaik world in another process."""
    serve(Simulator)


if __name__ == "__main__":
    main()
