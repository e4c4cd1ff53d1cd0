"""What single vehicles did on the links, beside the model on the map of the roads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.reports import frames, maps, style
from cosim.reports.plot import Trace, merge, scatter
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

MEASURED = ("flow_sumo_vph", "volume_capacity_sumo", "time_sumo_min", "flow_vph")
_SOURCES = (("validation_links", "flow_sumo_vph", "time_sumo_min"), ("micro_links", "flow_vph", "travel_time_min"))
"""A validation tells the mean over its seeds, a run what its own seeds did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Links as they were measured: lines beside those of the model, and `MEASURED` by link and period."""

    lines: maps.Strokes
    values: Array

    def traces(self) -> Iterator[Trace]:
        """Yield a class of colours after the other, dotted, and the marks that tell the numbers."""
        for k, trace in enumerate(self.lines.classes()):
            merge(trace, {"line": {"dash": "dot", "width": 2.5}, "showlegend": k == 0, "name": "simulated (dotted)"})
            yield trace
        hover = (
            "Link %{text}, simulated vehicles<br>%{customdata[0]:,.1f} veh/h (model %{customdata[3]:,.1f}), "
            "%{customdata[1]:.1%} of capacity<br>%{customdata[2]:.2f} min<extra></extra>"
        )
        at = self.lines.middle
        yield scatter(
            maps.shown(at[:, 0])[0], maps.shown(at[:, 1])[0], mode="markers", marker={"size": 11, "opacity": 0},
            text=[style.escape(name) for name in self.lines.names], hovertemplate=hover, meta=MEASURED,
            showlegend=False,
        )  # fmt: skip

    def moves(self, period: int) -> list[Trace]:
        """Return what each trace shows in a period; where nothing was measured there is nothing to point at."""
        told = self.values[:, :, period]
        known = np.isfinite(told[:, 0])
        at = np.where(known[:, None], self.lines.middle, np.nan)
        marks: Trace = {axis: maps.shown(at[:, k])[0] for k, axis in enumerate("xy")}
        return [*self.lines.coloured(told[:, 1]), marks | {"customdata": maps.shown(told)}]


def layer(
    result: RunResult, axis: frames.PeriodAxis, lines: maps.Strokes, model: Mapping[str, pd.DataFrame], distance: float
) -> Layer | None:
    """Return the layer of a run with a validation or a microscopic simulation; None of others.

    Parameters
    ----------
    lines
        The links on the map.
    model
        Flow and volume over capacity of the model, by link and period.
    distance
        How far to the right of the model's lines.
    """
    names = list(lines.names)
    for table, flow, time in _SOURCES:
        if table not in result or not {flow, time, "link", "period"} <= set(result[table].columns):
            continue
        rows = result[table]
        own = rows[rows["model"] == "SUE"] if "model" in rows else rows
        mean = own.groupby(["link", "period"], as_index=False)[[flow, time]].mean()
        if mean.empty:
            continue
        vph, minutes = (frames.matrix(mean, "link", column, axis).reindex(names).to_numpy() for column in (flow, time))
        asked, full = (model[column].loc[names].to_numpy() for column in ("flow_vph", "volume_capacity"))
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(asked > 0.0, full * (vph / asked), np.nan)  # by the capacity that the model has
        values = np.stack([vph, share, minutes, np.where(np.isfinite(vph), asked, np.nan)], axis=1)
        return Layer(lines=lines.aside(distance), values=values)
    return None
