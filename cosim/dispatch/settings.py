"""How the feeder is dispatched: the section ``dispatch`` of a scenario."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

from annotated_types import Ge, Gt, Lt

from cosim.bounds import Fraction, NonNegative, check_bounds
from cosim.errors import InputError, Problem

Mode = Literal["rolling", "day_ahead", "single_period"]
Forecast = Literal["perfect", "day_ahead", "persistence", "noisy"]
WHOLE = 1e-9
"""How far from a whole number of periods a look-ahead in hours may be: rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchSettings:
    """How the feeder is dispatched.

    Attributes
    ----------
    mode
        ``rolling`` re-solves every period to the end of the day and applies the first; ``day_ahead`` solves the day
        once, or block by block (``block_periods``); ``single_period`` looks at one period alone (no demand response, no
        end condition of storage).
    loss_price_per_mwh
        Weight of losses in the objective (mu of Eq 21).
    ev_curtailment_price_per_mwh
        Price of charging load not served, where nothing else answers.
    shedding_price_per_mwh
        Price of base load not served, where nothing else answers.
    voltage_slack_price
        Price of missed voltage limits; None keeps them hard.
    solver
        ``auto`` or a backend (``cosim plan`` names it).
    lookahead_periods
        Length of the rolling window; None looks to the end of the day. Storage and demand response balance within
        each window.
    lookahead_h
        The same in hours, whatever the length of a period.
    block_periods
        Length of what ``day_ahead`` solves and applies at once; None is all periods. Storage and demand response
        balance within each block.
    block_h
        The same in hours, whatever the length of a period.
    forecast
        What ``rolling`` knows of the charging load of later periods: the load itself (``perfect``), what was foreseen
        before the day (``day_ahead``), the current load unchanged (``persistence``), or the load itself with a random
        error (``noisy``) that may persist (``forecast_correlation``).
    forecast_error
        Relative standard deviation of the ``noisy`` forecast.
    forecast_correlation
        Correlation of its errors in successive periods (AR(1), see `cosim.dispatch.forecast.noisy`); 0: independent.
    ac_engine
        What solves the AC power flow of each period: ``pandapower``, or ``batch`` (sweeps over the tree), with which
        pandapower judges every eighth period and every one that is flagged.
    storage_exclusivity
        What follows if storage charges and discharges at once: the direction is fixed by the larger of the two and the
        window solved again (``sign_fix``, also ``auto``), the best pattern is searched with SCIP (``misocp``), or it is
        only flagged (``off``).
    """

    mode: Mode = "rolling"
    loss_price_per_mwh: NonNegative = 100.0
    ev_curtailment_price_per_mwh: NonNegative = 2000.0
    shedding_price_per_mwh: NonNegative = 10000.0
    voltage_slack_price: Annotated[float, Gt(0)] | None = None
    solver: str = "auto"
    lookahead_periods: Annotated[int, Ge(1)] | None = None
    lookahead_h: Annotated[float, Gt(0)] | None = None
    block_periods: Annotated[int, Ge(1)] | None = None
    block_h: Annotated[float, Gt(0)] | None = None
    forecast: Forecast = "perfect"
    forecast_error: Fraction = 0.1
    forecast_correlation: Annotated[float, Ge(0), Lt(1)] = 0.0
    storage_exclusivity: Literal["auto", "sign_fix", "misocp", "off"] = "auto"
    ac_engine: Literal["pandapower", "batch"] = "pandapower"

    def __post_init__(self) -> None:
        check_bounds(self, "dispatch")
        rolling = "it is for 'mode: rolling', which plans anew in every period"
        ahead = "it is for 'mode: day_ahead', which plans a block at once"
        for span, mode, remedy in (("lookahead", "rolling", rolling), ("block", "day_ahead", ahead)):
            for name in (f"{span}_periods", f"{span}_h"):
                if self.mode != mode and getattr(self, name) is not None:
                    raise InputError(Problem(field=name, reason=f"mode is {self.mode!r}", remedy=remedy))
            if getattr(self, f"{span}_periods") is not None and getattr(self, f"{span}_h") is not None:
                reason = f"it and {span}_periods exclude each other"
                raise InputError(Problem(field=f"{span}_h", reason=reason, remedy="remove one"))
        if self.mode != "rolling" and self.forecast != "perfect":
            reason = f"{self.forecast!r} with mode {self.mode!r}"
            raise InputError(Problem(field="forecast", reason=reason, remedy=rolling))
        if self.forecast != "noisy" and self.forecast_correlation != 0.0:
            reason = f"{self.forecast_correlation:g} with forecast {self.forecast!r}, which has no random error"
            remedy = "set forecast to noisy, or remove the correlation"
            raise InputError(Problem(field="forecast_correlation", reason=reason, remedy=remedy))

    def window_periods(self, periods: int) -> int:
        """Return how many periods of a day of ``periods`` one solve covers at most."""
        return min(
            periods, 1 if self.mode == "single_period" else self.lookahead_periods or self.block_periods or periods
        )

    def in_periods(self, period_h: float) -> Self:
        """Return the settings with look-ahead and blocks in periods.

        Raises
        ------
        InputError
            If it is no whole number of them.
        """
        found = self
        if self.lookahead_h is not None:
            count = _whole("lookahead_h", self.lookahead_h, period_h)
            found = replace(found, lookahead_h=None, lookahead_periods=count)
        if self.block_h is not None:
            found = replace(found, block_h=None, block_periods=_whole("block_h", self.block_h, period_h))
        return found

    def applied_periods(self, length: int) -> int:
        """Return how many periods of a plan of ``length`` are applied: all of a day or block ahead, else the first."""
        return length if self.mode == "day_ahead" else min(length, 1)


def _whole(field: str, span_h: float, period_h: float) -> int:
    """Return how many periods a span is."""
    count = span_h / period_h
    if round(count) < 1 or abs(count - round(count)) > WHOLE:
        reason = f"{span_h:g} h are {count:g} periods, must be whole"
        raise InputError(Problem(field=field, reason=reason, remedy=f"use a multiple of {period_h:g} h"))
    return round(count)
