"""Power and stored energy of the batteries."""

from __future__ import annotations

from cosim.reports import frames, plot, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Power", 2)
TITLE = "Storage"
CAPTION = "Power (discharging above zero) and stored energy at the end of each period; dashed: its bounds, if known."


def draw(result: RunResult) -> Figure:
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
    devices = frames.devices(result, "storage", lambda traits: traits.stores, "p_mw", "energy_mwh")
    axis, kinds = frames.period_axis(result), frames.kinds(result)
    kind_of = dict(zip(devices["device"].astype(str), devices["kind"].astype(str), strict=True))
    power, energy = (frames.matrix(devices, "device", column, axis) for column in ("p_mw", "energy_mwh"))
    figure = style.canvas(axis, TITLE, ["power (MW)", "energy (MWh)"], height=500)
    for k, name in enumerate(power.index):
        colour = style.kind_colour(kinds[kind_of[name]]) if k == 0 else style.SERIES[k % len(style.SERIES)]
        bar = plot.bar(x=axis.labels, y=power.loc[name], name=f"{style.escape(name)}, power", marker={"color": colour})
        figure.add_trace(bar | {"hovertemplate": "%{y:+.3f} MW"}, panel=1)
        line = style.curve(axis, energy.loc[name], f"{name}, energy", colour, hovertemplate="%{y:.3f} MWh")
        figure.add_trace(line | {"fill": "tozeroy", "fillcolor": style.faded(colour, 0.12)}, panel=2)
    if len(power.index) == 1:
        _bounds(figure, result, str(power.index[0]))
    figure.update_yaxes(rangemode="tozero", panel=2)
    return figure


def _bounds(figure: Figure, result: RunResult, name: str) -> None:
    """Draw the window of stored energy where the manifest tells the device's settings."""
    listed = frames.setting(result, "devices")
    settings = next((item for item in listed or () if isinstance(item, dict) and item.get("name") == name), None)
    if settings is None or not {"capacity_mwh", "soc_min", "soc_max"} <= settings.keys():
        return
    capacity = float(settings["capacity_mwh"])
    for key, above in (("soc_min", False), ("soc_max", True)):
        share = float(settings[key])
        text = f"{share:.0%} of {capacity:g} MWh"
        style.limit(figure, share * capacity, text, panel=2, colour=style.MUTED, above=above)
