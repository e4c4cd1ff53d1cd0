"""Whether a price can move drivers at all, told from choice sets and prices before anything is solved."""

from __future__ import annotations

from collections.abc import Sequence

from cosim.arrays import Array
from cosim.traffic.charge_later import later
from cosim.traffic.paths import PathSet

EVERYBODY_PAYS = "every charging vehicle charges once, and logit ignores a constant"


def steering_remark(
    paths: PathSet,
    busiest_vph: Array,
    station_links: Sequence[int],
    *,
    price_per_mwh: Array | None,
    buses: Sequence[str],
) -> str:
    """Return why a price cannot move route choice, or what it moves besides; empty if it simply can.

    A price moves those who choose between stations of different prices, or between a station and charging later.

    Parameters
    ----------
    paths
        Choice sets.
    busiest_vph
        Largest demand of each commodity over the day, shape ``(W,)``.
    station_links
        Positions of the s stations' links.
    price_per_mwh
        Announced prices, shape ``(s, T)``; None stands for nodal ones, which stations at one bus share.
    buses
        Bus of each station.
    """
    labels: list[object] = list(buses) if price_per_mwh is None else [tuple(row) for row in price_per_mwh.tolist()]
    label_of = {link: labels[n] for n, link in enumerate(station_links)}
    lookers = [w for w, one in enumerate(paths.commodities) if one.needs_station and busiest_vph[w] > 0.0]
    met = [{label_of[a] for a in paths.station[paths.paths_of(w)].tolist() if a >= 0} for w in lookers]
    if any(len(found) > 1 for found in met):
        return ""
    out = later(paths)
    if any(found and out[paths.paths_of(w)].any() for w, found in zip(lookers, met, strict=True)):
        return (
            "this price moves how many charge under way, not where: those who have a choice of stations see one price "
            "there, and charge later (ev.charge_later) where that is cheaper"
        )
    return f"this price cannot move route choice: {_why(labels, met, price_per_mwh is None)}; {EVERYBODY_PAYS}"


def _why(labels: Sequence[object], met: Sequence[set[object]], nodal: bool) -> str:
    if len(labels) == 1:
        return "there is one station"
    if len(set(labels)) == 1:
        return (
            f"all stations are at bus {labels[0]}, which has one price" if nodal else "it is the same at all stations"
        )
    if not any(met):
        return "nobody looks for a station"
    return "each pair of origin and destination meets stations of one price only"
