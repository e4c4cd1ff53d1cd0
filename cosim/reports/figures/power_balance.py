"""Where the power comes from and where it goes, period by period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.dispatch.devices.traits import Traits
from cosim.reports import frames, plot, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

PLACE = ("Power", 1)
TITLE = "Power balance"
CAPTION = (
    "Supply above zero; export, charging of storage and load that comes back below. The bars above less the bars below "
    "are the line: base load, charging demand and losses before any response."
)

_VISIBLE_MW = 1e-6


def demand_mw(result: RunResult, axis: frames.PeriodAxis) -> pd.Series[float]:
    """Return base load plus charging demand per period [MW], before any response or curtailment.

    Table ``buses`` holds what is served; what the load side gave up is added.
    """
    served = frames.by_period(frames.table(result, "buses", "p_load_mw"), "p_load_mw", axis)
    devices = frames.table(result, "devices", "kind", "p_mw")
    lowering = [kind for kind, traits in frames.kinds(result).items() if traits.side == "load"]
    given_up = devices[devices["kind"].isin(lowering)]
    # A kind that acts in some periods only (a last resort) has no rows in the others.
    return served + frames.numbers(given_up, "p_mw").groupby(given_up["period"]).sum().reindex(
        served.index, fill_value=0.0
    )


def draw(result: RunResult) -> Figure:
    """Draw the stacked balance [MW] by kind of device, and demand plus losses as a line.

    Parameters
    ----------
    result
        A run with tables ``devices``, ``buses`` and ``periods``.

    Raises
    ------
    NothingToDraw
        If the run has no devices or buses.
    """
    devices, axis = frames.table(result, "devices", "kind", "p_mw"), frames.period_axis(result)
    demand = demand_mw(result, axis)
    figure = style.canvas(axis, TITLE, ["power (MW)"], height=470)
    figure.update_layout(barmode="relative", legend={"itemwidth": 30})
    for k, (kind, traits) in enumerate(frames.kinds(result).items()):
        _add_kind(figure, axis, traits, style.kind_colour(traits, k), devices[devices["kind"] == kind])
    periods = frames.table(result, "periods", "loss_mw")
    total = demand + frames.by_period(periods, "loss_mw", axis)
    line = style.step(axis, total, "Demand + losses", style.DEMAND, hovertemplate="%{y:.3f} MW")
    figure.add_trace(line)
    return figure


def _add_kind(figure: Figure, axis: frames.PeriodAxis, traits: Traits, colour: str, rows: pd.DataFrame) -> None:
    """Add what the devices of one kind give, and what they take, as two layers."""
    power = frames.matrix(rows, "device", "p_mw", axis).to_numpy()
    layers = (
        (np.nansum(np.maximum(power, 0.0), axis=0), style.escape(traits.gives), 1.0),
        (np.nansum(np.minimum(power, 0.0), axis=0), style.escape(traits.takes), 0.55),
    )
    for values, name, opacity in layers:
        if np.any(np.abs(values) > _VISIBLE_MW):
            bar = plot.bar(x=axis.labels, y=values, name=name, hovertemplate="%{y:.3f} MW")
            figure.add_trace(bar | {"marker": {"color": style.faded(colour, opacity), "line": {"width": 0}}})
