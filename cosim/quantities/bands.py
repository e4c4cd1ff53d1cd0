"""The table of plausible sizes: the usual range of every quantity of a scenario, and what a value beyond it may be.

A wrong unit often gives a scenario that runs: a battery of 0.04 kWh, a tariff per kWh, photovoltaics in kW. One row a
quantity. Beyond its range a value is told as a warning, since no law of nature is broken; what physics forbids is a
bound of the schema, and an error. Zero is a choice, not a unit, and is never judged. The ranges are our own judgement,
set wide around what the source named beside them is about; they are no limits of that source.

Names: a dotted key of the scenario (``*`` stands for any item of a list), ``file.csv:column``, or words for a quantity
that is a relation of several values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

PER_EURO: MappingProxyType[str, float] = MappingProxyType(
    {
        "EUR": 1.0, "USD": 1.1, "GBP": 0.85, "CHF": 1.0, "CAD": 1.5, "AUD": 1.6, "CNY": 8.0, "DKK": 7.5, "NOK": 11.0,
        "SEK": 11.0, "PLN": 4.5, "BRL": 6.0, "INR": 90.0, "JPY": 150.0, "KRW": 1500.0,
    }
)  # fmt: skip
"""What a euro costs, about (reference rates of 2024, rounded): a range of money is given in euros."""
_CURRENCIES = (min(PER_EURO.values()), max(PER_EURO.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One row of the table.

    Attributes
    ----------
    name
        Of the quantity (see the module).
    unit
        Of the range; ``-`` for a ratio. ``EUR`` stands for the currency of the scenario, and is converted.
    low, high
        The usual range, both included.
    below, above
        What a value beyond it is likely to be.
    source
        What the range is set around; the range itself is our judgement.
    typical
        Whether the median of a column is judged, in place of each value: single links may be odd, a unit is of all.
    """

    name: str
    unit: str
    low: float
    high: float
    below: str
    above: str
    source: str
    typical: bool = False

    def range_in(self, currency: str) -> tuple[float, float]:
        """Return the usual range; of money in the currency, or in any of those known if that one is not."""
        if not self.unit.startswith("EUR"):
            return self.low, self.high
        rate = PER_EURO.get(currency)
        least, most = _CURRENCIES if rate is None else (rate, rate)
        return self.low * least, self.high * most

    def judge(self, value: float, currency: str = "EUR") -> tuple[str, str] | None:
        """Return what is wrong with a value and its likely unit; None if it is usual, or 0.

        >>> BANDS["ev.battery_kwh"].judge(0.04)
        ('0.04 kWh is outside the usual 5 to 1000 kWh', 'MWh?')
        >>> BANDS["ev.battery_kwh"].judge(40.0)
        """
        low, high = self.range_in(currency)
        size = abs(value)
        if size == 0.0 or low <= size <= high or not math.isfinite(size):
            return None
        unit = "" if self.unit == "-" else " " + self.unit.replace("EUR", currency)
        reason = f"{value:g}{unit} is outside the usual {low:g} to {high:g}{unit}"
        return reason, self.below if size < low else self.above

    def furthest(self, values: Sequence[float], currency: str = "EUR") -> int | None:
        """Return the position of the value that is furthest beyond the range, by its ratio; None if all are usual."""
        low, high = self.range_in(currency)
        beyond = [0.0 if self.judge(v, currency) is None else max(low / abs(v), abs(v) / high) for v in values]
        return beyond.index(max(beyond)) if any(beyond) else None


_BPR = "Bureau of Public Roads 1964 (0.15 and 4); fits of the Highway Capacity Manual"
_MARKETS = "European day-ahead and retail prices 2010-2024"
_SUPPLY = "EN 50160"
_LAST = "estimates of the value of lost load, ACER 2018"
_CABLES = "overhead lines and cables of 0.4 to 36 kV in pandapower's library of types"
_FEEDERS = "feeders of 0.4 to 66 kV published as test cases"
_VALUE_OF_TIME = "1 to 100 EUR/h: Wardman, Chintakayala, de Jong 2016"
_RATIO = "ratings beside load in published feeders, from one roof to twenty times the load"

_ROWS: tuple[Band, ...] = (
    Band(name="period_min", unit="min", low=1, high=240, below="h?", above="s? Hourly profiles need 60",
         source="dispatch and assignment by minutes to hours"),
    Band(name="free-flow time of a trip", unit="min", low=2, high=240, below="are link times in h?",
         above="are link times in s?", source="from crossing a quarter to crossing a region"),
    Band(name="theta times the time of a trip", unit="-", low=0.1, high=100, below="theta per s?",
         above="theta per h?", source="logit route choice of published studies, Prashker & Bekhor 2004"),
    Band(name="trips over the capacity of the links at a node", unit="-", low=0.05, high=5,
         below="trips per min, or in 1,000?", above="trips per day?", source="degree of saturation: Akcelik 1991"),
    Band(name="links.csv:capacity_vph", unit="veh/h", low=50, high=12_000, below="veh/min, or 1,000 veh/h?",
         above="veh/day?", source="one lane of a street to six of a motorway: Highway Capacity Manual", typical=True),
    Band(name="links.csv:alpha", unit="-", low=0.01, high=10, below="in 1,000ths?", above="%, or 1,000ths?",
         source=_BPR),
    Band(name="links.csv:beta", unit="-", low=0.5, high=20, below="in 1,000ths?", above="%?", source=_BPR),
    Band(name="ev.battery_kwh", unit="kWh", low=5, high=1000, below="MWh?", above="Wh?",
         source="scooters to lorries on the market in 2024"),
    Band(name="ev.value_of_time_per_min", unit="EUR/min", low=1 / 60, high=100 / 60, below="per s?",
         above="per h?", source=_VALUE_OF_TIME),
    Band(name="ev.charge_later.cost_min", unit="min", low=1, high=240, below="h?", above="s?",
         source="a detour to a day's delay"),
    Band(name="ev.behaviour.consumption_kwh_per_km", unit="kWh/km", low=0.02, high=3, below="MWh/km?",
         above="Wh/km, or kWh/100 km?", source="scooters to lorries on the market in 2024"),
    Band(name="ev.behaviour.battery_kwh", unit="kWh", low=5, high=1000, below="MWh?", above="Wh?",
         source="scooters to lorries on the market in 2024"),
    Band(name="ev.behaviour.slow_kw", unit="kW", low=1, high=50, below="MW?", above="W?", source="IEC 61851-1"),
    Band(name="ev.behaviour.fast_kw", unit="kW", low=10, high=1000, below="MW?", above="W?", source="IEC 61851-23"),
    Band(name="stations.*.charger_kw", unit="kW", low=3, high=1000, below="10 kW, or MW?", above="W?",
         source="IEC 61851-1 and -23"),
    Band(name="stations.*.access_min", unit="min", low=0.5, high=60, below="h?", above="s?",
         source="turning off to a detour of an hour"),
    Band(name="stations.*.free_flow_min", unit="min", low=3, high=600, below="h?", above="s?",
         source="access and service, from a top-up to a night"),
    Band(name="stations.*.capacity_vph", unit="veh/h", low=0.1, high=1000, below="veh/min, or 1,000 veh/h?",
         above="veh/day?", source="one slow charger to two hundred fast ones"),
    Band(name="time to charge one vehicle", unit="min", low=2, high=1440,
         below="battery in MWh, or chargers in W?", above="battery in Wh, or chargers in MW?",
         source="swapping a battery to a day at a wall box"),
    Band(name="stations.*.access_fee", unit="EUR", low=0.02, high=100, below="1,000 of the currency?", above="cents?",
         source="parking and start fees of public stations 2024"),
    Band(name="bus.csv:vn_kv", unit="kV", low=0.1, high=150, below="MV?", above="V?", source=_FEEDERS),
    Band(name="bus.csv:min_vm_pu", unit="pu", low=0.5, high=1.2, below="%, or kV?", above="kV, or %?", source=_SUPPLY),
    Band(name="bus.csv:max_vm_pu", unit="pu", low=0.8, high=2, below="%, or kV?", above="kV, or %?", source=_SUPPLY),
    Band(name="line.csv:length_km", unit="km", low=0.003, high=60, below="1,000 km?", above="m?", source=_FEEDERS,
         typical=True),
    Band(name="line.csv:r_ohm_per_km", unit="ohm/km", low=0.003, high=30, below="ohm/m, or kiloohm?",
         above="milliohm, or pu?", source=_CABLES, typical=True),
    Band(name="line.csv:x_ohm_per_km", unit="ohm/km", low=0.003, high=30, below="ohm/m, or kiloohm?",
         above="milliohm, or pu?", source=_CABLES, typical=True),
    Band(name="line.csv:max_i_ka", unit="kA", low=0.01, high=5, below="MA?", above="A?", source=_CABLES),
    Band(name="line.csv:max_loading_percent", unit="%", low=5, high=300, below="a fraction?", above="in 1,000ths?",
         source="operating limits of networks"),
    Band(name="feeder.base_mva", unit="MVA", low=0.05, high=1000, below="GVA?", above="kVA?", source=_FEEDERS),
    Band(name="feeder.load_profile", unit="-", low=0.02, high=10, below="in 1,000ths?", above="%, or MW?",
         source="a factor of the nominal load, 1 at its peak"),
    Band(name="largest load of all buses", unit="MW", low=0.01, high=150, below="GW?", above="kW?", source=_FEEDERS),
    Band(name="reactive over active load", unit="-", low=0.01, high=2, below="reactive load in Gvar?",
         above="reactive load in kvar?", source="power factors of 0.45 to nearly 1"),
    Band(name="rating over largest load", unit="-", low=0.002, high=50, below="GW?", above="kW?", source=_RATIO),
    Band(name="offered power over rating", unit="-", low=0.02, high=5, below="offered power in GW, rating in kVA?",
         above="offered power in kW, rating in GVA?", source="capacity factors, and inverters that are smaller"),
    Band(name="apparent over active rating", unit="-", low=0.2, high=10, below="active power in kW?",
         above="apparent power in kVA?", source="inverters of storage on the market"),
    Band(name="capacity over power", unit="h", low=0.1, high=100, below="capacity in GWh, power in kW?",
         above="capacity in kWh, power in GW?", source="minutes to days: IRENA 2017"),
    Band(name="ramp over power", unit="1/h", low=0.02, high=120, below="ramp per min, or in GW?",
         above="ramp in kW, or per day?", source="a coal block (1 %/min) to an engine (full within half a minute)"),
    Band(name="reactive over active rating", unit="-", low=0.02, high=5, below="reactive power in Gvar?",
         above="reactive power in kvar?", source="capability of generators"),
    Band(name="given charging over largest load", unit="-", low=0.001, high=20, below="charging in GW?",
         above="charging in kW?", source=_RATIO),
    Band(name="marginal cost at full power", unit="EUR/MWh", low=1, high=2000, below="per kWh?", above="per GWh?",
         source=_MARKETS),
    Band(name="devices.*.pay_per_mwh", unit="EUR/MWh", low=1, high=5000, below="per kWh?", above="per GWh?",
         source=_MARKETS),
    Band(name="devices.*.wear_cost_per_mwh", unit="EUR/MWh", low=0.5, high=1000, below="per kWh?", above="per GWh?",
         source="price of cells over their cycles: IRENA 2017"),
    Band(name="tariff.base_per_mwh", unit="EUR/MWh", low=2, high=3000, below="per kWh?", above="per GWh, or cents?",
         source=_MARKETS),
    Band(name="tariff.prices_per_mwh", unit="EUR/MWh", low=2, high=3000, below="per kWh?",
         above="per GWh, or cents?", source=_MARKETS),
    Band(name="price of charging in a file", unit="EUR/MWh", low=2, high=5000, below="per kWh?",
         above="per GWh, or cents?", source=_MARKETS),
    Band(name="dispatch.loss_price_per_mwh", unit="EUR/MWh", low=0.5, high=3000, below="per kWh?", above="per GWh?",
         source=_MARKETS),
    Band(name="dispatch.ev_curtailment_price_per_mwh", unit="EUR/MWh", low=10, high=20_000, below="per kWh?",
         above="per GWh?", source=_LAST),
    Band(name="dispatch.shedding_price_per_mwh", unit="EUR/MWh", low=50, high=100_000, below="per kWh?",
         above="per GWh?", source=_LAST),
)  # fmt: skip
BANDS: MappingProxyType[str, Band] = MappingProxyType({row.name: row for row in _ROWS})
"""The rows by name."""

_TOLERANCE = "a tolerance: a strict one looks like one of another unit"
_CLOCK = "an hour or a spread of the day: the schema bounds it, and inside any may be meant"
_STEP = "a setting of the simulation: the schema bounds it, and inside any may be meant"
NOT_JUDGED: MappingProxyType[str, str] = MappingProxyType(
    {
        "traffic.paper_step_test_vph": _TOLERANCE,
        "coupling.tolerance_mw": _TOLERANCE,
        "gates.*": _TOLERANCE,
        "microsim.thresholds.*": _TOLERANCE,
        "ev.behaviour.*_h": _CLOCK,
        "ev.behaviour.speed_kmh": "the schema bounds it to speeds of vehicles",
        "microsim.*_s": _STEP,
        "microsim.warmup_min": _STEP,
        "feeder.*_pu": "the schema bounds it to voltages near 1",
        "devices.*.p_initial_mw": "at most the power, by a rule; below it any state may be meant",
        "devices.*.cost_quadratic_per_mw2h": "any curvature may be meant; gross ones show in the marginal cost",
        "dispatch.voltage_slack_price": "a weight without a market",
        "roads.*_min": "a weight, or the unit of a file: the reader says times that fit another unit alone",
        "traffic.demand.period_h": "any span may be meant",
        "dispatch.lookahead_h": "a whole number of periods, by a rule; any span may be meant",
        "dispatch.block_h": "a whole number of periods, by a rule; any span may be meant",
        "links.csv:length_km": "refused by the speed that it means with the time",
        "links.csv:speed_kmh": "not used",
        "line.csv:c_nf_per_km": "must be 0",
        "line.csv:g_us_per_km": "must be 0",
    }
)
"""Quantities with a unit and without a row, by patterns of their names, and why."""
