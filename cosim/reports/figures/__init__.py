"""The figures of a run, one file each: ``draw(result)`` returns a plotly Figure, in a notebook as on the page.

>>> list(FIGURES)[:2]
['link_flows', 'link_profiles']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cosim.reports.figures import (
    ac_difference,
    cone_gap,
    demand_response,
    ledger,
    link_flows,
    link_profiles,
    micro_choice,
    micro_links,
    micro_ramp,
    micro_stations,
    power_balance,
    prices,
    residuals,
    station_load,
    storage,
    tariff_bands,
    voltage_map,
    voltages,
)
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import plotly.graph_objects as go


class FigureModule(Protocol):
    """What a file of a figure holds.

    Attributes
    ----------
    TITLE, CAPTION
        Heading, and what the reader sees, in one or two sentences.
    """

    TITLE: str
    CAPTION: str

    def draw(self, result: RunResult) -> go.Figure:
        """Return the figure, or raise `cosim.reports.frames.NothingToDraw`."""


FIGURES: dict[str, FigureModule] = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        link_flows,
        link_profiles,
        station_load,
        tariff_bands,
        prices,
        power_balance,
        storage,
        demand_response,
        voltages,
        voltage_map,
        ledger,
        cone_gap,
        ac_difference,
        residuals,
        micro_links,
        micro_choice,
        micro_stations,
        micro_ramp,
    )
}
"""Every figure by name, in the order of the page."""
