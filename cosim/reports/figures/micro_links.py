"""Link flows and times of the equilibrium, and of the null model, against the simulation."""

from __future__ import annotations

from cosim.reports import frames, scatter
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Microsimulation", 1)
TITLE = "Links against the simulation"
CAPTION = (
    "Each mark is a link in a validated period, mean over the seeds. Flows agree almost by construction, because the "
    "routes are fixed: the null model, which is no equilibrium, agrees as well. Times over free-flow times tell more."
)
TABLE = "validation_links"
_COLUMNS = ("model", "link", "period", "flow_vph", "flow_sumo_vph", "time_min", "time_sumo_min", "free_flow_min")


def draw(result: RunResult) -> Figure:
    """Draw flow against flow and time against time, each link a mark.

    Parameters
    ----------
    result
        A run that was validated.

    Raises
    ------
    NothingToDraw
        If it was not.
    """
    if TABLE not in result:
        raise frames.NothingToDraw("this run has no validation; cosim validate RUN writes it")
    table = frames.table(result, TABLE, *_COLUMNS)
    table = table[table["free_flow_min"] > 0.0]
    figure = scatter.panels(
        TITLE, [("flow, simulated (veh/h)", "flow, model (veh/h)"), ("time, simulated (t/t0)", "time, model (t/t0)")]
    )
    ratio = {name: table[name] / table["free_flow_min"] for name in ("time_min", "time_sumo_min")}
    scatter.equality(figure, 1, table["flow_sumo_vph"], table["flow_vph"])
    scatter.equality(figure, 2, ratio["time_sumo_min"], ratio["time_min"])
    for model in scatter.MODELS:
        own = table["model"] == model
        names = [
            f"{link}, period {period}" for link, period in zip(table["link"][own], table["period"][own], strict=True)
        ]
        scatter.points(figure, 1, table["flow_sumo_vph"][own], table["flow_vph"][own], names, model)
        scatter.points(figure, 2, ratio["time_sumo_min"][own], ratio["time_min"][own], names, model)
    return figure
