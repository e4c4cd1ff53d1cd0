"""Power and stored energy of the batteries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosim.reports import frames, style
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import plotly.graph_objects as go

PLACE = ("Power", 2)
TITLE = "Storage"
CAPTION = "Power (discharging above zero) and stored energy at the end of each period; dashed: its bounds, if known."


def draw(result: RunResult) -> go.Figure:
    """Draw power [MW] and energy at the end of the period [MWh] of every device that stores energy.

    Parameters
    ----------
    result
        A run with devices that store energy.

    Raises
    ------
    NothingToDraw
        If the run has no storage.
    """
    import plotly.graph_objects as go

    devices = frames.devices(result, "storage", lambda traits: traits.stores, "p_mw", "energy_mwh")
    axis, kinds = frames.period_axis(result), frames.kinds(result)
    kind_of = dict(zip(devices["device"].astype(str), devices["kind"].astype(str), strict=True))
    power, energy = (frames.matrix(devices, "device", column, axis) for column in ("p_mw", "energy_mwh"))
    figure = style.canvas(axis, TITLE, ["power (MW)", "energy (MWh)"], height=500)
    for k, name in enumerate(power.index):
        colour = style.kind_colour(kinds[kind_of[name]]) if k == 0 else style.SERIES[k % len(style.SERIES)]
        bar = go.Bar(x=axis.labels, y=power.loc[name], name=f"{style.escape(name)}, power", marker={"color": colour})
        figure.add_trace(bar.update(hovertemplate="%{y:+.3f} MW"), row=1, col=1)
        line = style.curve(axis, energy.loc[name], f"{name}, energy", colour, hovertemplate="%{y:.3f} MWh")
        figure.add_trace(line.update(fill="tozeroy", fillcolor=style.faded(colour, 0.12)), row=2, col=1)
    if len(power.index) == 1:
        _bounds(figure, result, str(power.index[0]))
    figure.update_yaxes(rangemode="tozero", row=2, col=1)
    return figure


def _bounds(figure: go.Figure, result: RunResult, name: str) -> None:
    """Draw the window of stored energy where the manifest tells the device's settings."""
    listed = frames.setting(result, "devices")
    settings = next((item for item in listed or () if isinstance(item, dict) and item.get("name") == name), None)
    if settings is None or not {"capacity_mwh", "soc_min", "soc_max"} <= settings.keys():
        return
    capacity = float(settings["capacity_mwh"])
    for key, above in (("soc_min", False), ("soc_max", True)):
        share = float(settings[key])
        text = f"{share:.0%} of {capacity:g} MWh"
        style.limit(figure, share * capacity, text, row=2, colour=style.MUTED, above=above)
