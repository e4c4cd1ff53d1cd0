"""Where the power comes from and where it goes, period by period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.reports import frames, style
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

TITLE = "Power balance"
CAPTION = (
    "Supply above zero; export, charging of storage and load that comes back below. The bars above less the bars below "
    "are the line: base load, charging demand and losses before any response."
)

LOAD_SIDE = ("demand_response", "ev_curtailment", "load_shedding")
"""Kinds whose power is load that is not there; it is no generation."""

_BELOW = {
    "substation": "Export",
    "storage": "Storage, charging",
    "demand_response": "Demand response, refill",
}
_ABOVE = {"storage": "Storage, discharging", "demand_response": "Demand response, cut"}
_ORDER = tuple(style.KIND_COLOURS)
_VISIBLE_MW = 1e-6


def demand_mw(result: RunResult, axis: frames.PeriodAxis) -> pd.Series[float]:
    """Return base load plus charging demand per period [MW], before any response or curtailment.

    Table ``buses`` holds what is served; what the load side gave up is added.
    """
    served = frames.by_period(frames.table(result, "buses", "p_load_mw"), "p_load_mw", axis)
    devices = frames.table(result, "devices", "kind", "p_mw")
    given_up = devices[devices["kind"].isin(LOAD_SIDE)]
    # A kind that acts in some periods only (a last resort) has no rows in the others.
    return served + frames.numbers(given_up, "p_mw").groupby(given_up["period"]).sum().reindex(
        served.index, fill_value=0.0
    )


def draw(result: RunResult) -> go.Figure:
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
    kinds = sorted(set(devices["kind"]), key=lambda kind: (_rank(kind), kind))
    for k, kind in enumerate(kinds):
        _add_kind(figure, axis, kind, style.kind_colour(kind, k), devices[devices["kind"] == kind])
    periods = frames.table(result, "periods", "loss_mw")
    total = demand + frames.by_period(periods, "loss_mw", axis)
    line = style.step(axis, total, "Demand + losses", style.DEMAND, hovertemplate="%{y:.3f} MW")
    figure.add_trace(line)
    return figure


def _rank(kind: str) -> int:
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _add_kind(figure: go.Figure, axis: frames.PeriodAxis, kind: str, colour: str, rows: pd.DataFrame) -> None:
    """Add what the devices of one kind give, and what they take, as two layers."""
    import plotly.graph_objects as go

    power = frames.matrix(rows, "device", "p_mw", axis).to_numpy()
    layers = (
        (np.nansum(np.maximum(power, 0.0), axis=0), _ABOVE.get(kind, style.kind_label(kind)), 1.0),
        (np.nansum(np.minimum(power, 0.0), axis=0), _BELOW.get(kind, f"{style.kind_label(kind)}, taken"), 0.55),
    )
    for values, name, opacity in layers:
        if np.any(np.abs(values) > _VISIBLE_MW):
            bar = go.Bar(x=axis.labels, y=values, name=name, hovertemplate="%{y:.3f} MW")
            figure.add_trace(bar.update(marker={"color": style.faded(colour, opacity), "line": {"width": 0}}))
