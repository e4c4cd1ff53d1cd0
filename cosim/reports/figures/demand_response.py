"""Load that is cut in one period and comes back in another."""

from __future__ import annotations

from cosim.reports import frames, plot, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Power", 3)
TITLE = "Demand response"
CAPTION = (
    "Load cut (above zero) and given back (below) at each bus; dotted: the largest cut and refill of all together."
)

_HUES = ("#d6457f", "#8f2d5c", "#e58bab", "#b0688e", "#f3b8cc", "#6b2347")


def draw(result: RunResult) -> Figure:
    """Draw cut less refill [MW] per device, stacked, and the caps.

    Parameters
    ----------
    result
        A run with devices that move load from one period to another.

    Raises
    ------
    NothingToDraw
        If the run has no demand response.
    """
    devices = frames.devices(result, "demand response", lambda traits: traits.returns, "p_mw")
    axis = frames.period_axis(result)
    power = frames.matrix(devices, "device", "p_mw", axis)
    bus = dict(zip(devices["device"].astype(str), devices["bus"].astype(str), strict=True)) if "bus" in devices else {}
    figure = style.canvas(axis, TITLE, ["cut less refill (MW)"], height=420)
    figure.update_layout(barmode="relative")
    for k, name in enumerate(power.index):
        label = style.escape(f"{name} (bus {bus[name]})" if name in bus else name)
        bar = plot.bar(x=axis.labels, y=power.loc[name], name=label, hovertemplate="%{y:+.4f} MW")
        figure.add_trace(bar | {"marker": {"color": _HUES[k % len(_HUES)]}})
    if frames.known(devices, "available_mw"):
        cap = frames.by_period(devices, "available_mw", axis)
        dotted = {"dash": "dot", "width": 1.3}
        figure.add_trace(style.step(axis, cap, "Largest cut", style.MUTED, line=dotted, hovertemplate="%{y:.4f} MW"))
        low = style.step(axis, -cap, "Largest refill", style.MUTED, line=dotted, hovertemplate="%{y:.4f} MW")
        figure.add_trace(low | {"showlegend": False})
    return figure
