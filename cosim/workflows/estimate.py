"""Estimate OD trips from a file of counts, on a road network or on the roads of a scenario."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem, StorageError
from cosim.scenario import shipped
from cosim.scenario.build import as_chosen
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.scenario.road_case import RoadCase
from cosim.scenario.road_files import road_place
from cosim.tables import did_you_mean, read_table
from cosim.traffic.estimation import OdEstimate, OdProblem, ThetaProfile, estimate_od, theta_profile
from cosim.traffic.formats import is_network, read_network, read_trips
from cosim.traffic.formats.counts import SPEED_ERROR, CountsFile, read_counts
from cosim.traffic.formats.csv import LINK_COLUMNS, optional_link_columns
from cosim.traffic.formats.od import Pairs, read_od_pairs, read_prior
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet
from cosim.traffic.problem import unit_remarks
from cosim.traffic.route_models import route_builder
from cosim.units import min_to_h

THETA_PER_MIN = 0.1
NOT_CONVERGED = 6
NO_NODAL_PRICE = (
    "the scenario's drivers see nodal prices, which only a run tells; route choice here knows times and fees alone"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimation:
    """An estimate, its theta profile if it was asked for, remarks, and the file that was written (if any)."""

    estimate: OdEstimate
    profile: ThetaProfile | None
    remarks: tuple[str, ...]
    written: Path | None

    @property
    def exit_code(self) -> int:
        """0, or 6 if the estimate did not converge."""
        return 0 if self.estimate.converged else NOT_CONVERGED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Roads:
    """Where trips are estimated: paths by class and pair, class shares, theta, link lengths.

    ``network`` is what drivers choose on, prices and fees included; ``counted`` is the physical one.
    """

    network: RoadNetwork
    counted: RoadNetwork
    paths: PathSet
    class_share: Array
    theta_per_min: float
    length_km: Mapping[str, float]
    remarks: tuple[str, ...] = ()


def estimate(
    source: Path | str,
    counts: Path | str,
    *,
    od: Path | str | None = None,
    paths: str | None = None,
    theta_per_min: float | None = None,
    likelihood: str = "fisher",
    prior: Path | str | None = None,
    estimate_theta: bool = False,
    profile: bool = False,
    period: int = 1,
    overrides: Sequence[str] = (),
    speed_error: float = SPEED_ERROR,
    sample_min: float = 60.0,
    out: Path | None = None,
    **options: Any,  # noqa: ANN401 - the options are the likelihood's
) -> Estimation:
    """Estimate the trips of every OD pair from link counts (Eq 1).

    Parameters
    ----------
    source
        A road network (a file or folder in any known format, or a shipped name), or a scenario (name, file,
        folder); a scenario gives pairs, theta, stations and the share of trips that charge.
    counts
        CSV file as `cosim.traffic.formats.counts.read_counts` takes it.
    od
        The pairs: CSV file with origin, destination, or a trip table; needed for a network.
    paths
        ``all`` simple paths, or the ``k=10`` cheapest; None takes the scenario's, or all.
    theta_per_min
        Logit dispersion; None takes the scenario's, or 0.1.
    prior
        CSV file with origin, destination, trips_vph, sd_vph.
    estimate_theta, profile
        Estimate theta too; estimate at several values of theta as well.
    period
        Whose share of charging trips and announced prices hold, from 1 (scenarios).
    overrides
        Assignments ``a.b=value`` (scenarios).
    speed_error
        Relative standard deviation of one speed or travel time.
    sample_min
        Length of a sample, min.
    out
        Where to write the trips as CSV; only an estimate that converged is written.
    likelihood, options
        As `cosim.traffic.estimation.estimate_od` takes them.

    Raises
    ------
    InputError
        If a file is wrong, or the counts cannot identify the trips.
    StorageError
        If the result cannot be written.
    """
    roads = _roads(source, od, paths, theta_per_min, period, overrides)
    read = read_counts(
        counts, roads.counted, length_km=roads.length_km, speed_error=speed_error, hours=min_to_h(sample_min)
    )
    problem = _problem(roads, read, prior)
    found = estimate_od(problem, likelihood, estimate_theta=estimate_theta, **options)
    assigned = problem.equilibrium_problem(found.trips_vph, found.theta_per_min)
    if out is not None and found.converged:
        _write(out, found)
    return Estimation(
        estimate=found,
        profile=theta_profile(problem, likelihood, **options) if profile else None,
        remarks=(*roads.remarks, *roads.paths.remarks, *read.remarks, *unit_remarks(assigned)),
        written=out if found.converged else None,
    )


def _problem(roads: _Roads, read: CountsFile, prior: Path | str | None) -> OdProblem:
    problem = OdProblem(
        network=roads.network,
        paths=roads.paths,
        counts=read.counts,
        theta_per_min=roads.theta_per_min,
        class_share=roads.class_share,
    )
    return problem if prior is None else replace(problem, prior=read_prior(prior, problem.od_pairs))


def _roads(
    source: Path | str,
    od: Path | str | None,
    paths: str | None,
    theta_per_min: float | None,
    period: int,
    overrides: Sequence[str],
) -> _Roads:
    place = network_place(source)
    if place is None:
        return _scenario_roads(source, od, paths, theta_per_min, period, overrides)
    if od is None:
        reason = f"{str(source)!r} is a road network and has no OD pairs"
        raise InputError(Problem(field="--od", reason=reason, remedy="give a CSV file with origin,destination"))
    if overrides:
        raise InputError(Problem(field="--set", reason="a road network has no values to change; only a scenario has"))
    network = read_network(place)
    return _Roads(
        network=network,
        counted=network,
        paths=_path_set(paths or "all", network, _pairs(od, place, network), {"all": False}),
        class_share=np.ones((1, 1)),
        theta_per_min=THETA_PER_MIN if theta_per_min is None else theta_per_min,
        length_km=_lengths(place),
        remarks=network.remarks,
    )


def _pairs(od: Path | str, place: Path, network: RoadNetwork) -> Pairs:
    """Return the pairs of a CSV file with origin, destination, or of a trip table in another format."""
    path = Path(od)
    if path.suffix.lower() == ".csv":
        return read_od_pairs(path, network)
    return read_trips(path, place).od_pairs


def _path_set(paths: str, network: RoadNetwork, pairs: Pairs, classes: Mapping[str, bool]) -> PathSet:
    routes = route_builder(paths)(network, pairs, classes)
    if not isinstance(routes, PathSet):
        reason = f"{paths!r} is no path set, which the derivatives need"
        raise InputError(Problem(field="--paths", reason=reason, remedy="take all, or k=10"))
    return routes


def network_place(source: Path | str) -> Path | None:
    """Return the file or folder of a road network, None for a scenario.

    Raises
    ------
    InputError
        If the source is neither.
    """
    path = Path(source)
    if (path.is_dir() or is_network(path)) and not (path / "scenario.yaml").is_file():
        return path
    networks, scenarios = shipped.names(shipped.ROADS), shipped.names(shipped.SCENARIOS)
    if str(source) in networks:
        return shipped.folder(shipped.ROADS) / str(source)
    if not path.exists() and str(source) not in scenarios:
        reason = f"{str(source)!r} is neither a road network, nor a scenario, nor shipped"
        raise InputError(Problem(reason=reason, remedy=did_you_mean(str(source), [*networks, *scenarios])))
    return None


def _scenario_roads(
    source: Path | str,
    od: Path | str | None,
    paths: str | None,
    theta_per_min: float | None,
    period: int,
    overrides: Sequence[str],
) -> _Roads:
    loaded = load(source, overrides)
    built = build_case(loaded)
    case = built.roads
    traffic = loaded.scenario.traffic
    if case is None or loaded.scenario.roads is None or traffic is None:
        raise InputError(f"scenario {loaded.name!r} has no roads")
    if not 1 <= period <= loaded.scenario.periods:
        raise InputError(Problem(field="--period", reason=f"{period} must be between 1 and {loaded.scenario.periods}"))
    folder = road_place(loaded.scenario.roads, loaded.files)
    pairs = case.demand.od_pairs if od is None else _pairs(od, folder, case.network)
    share = _class_share(case, period)
    needs = {one.user_class: one.needs_station for one in case.paths.commodities}
    same = od is None and paths is None
    announced = case.announced_price_per_mwh
    return _Roads(
        network=case.response().network(None if announced is None else announced[:, period - 1]),
        counted=case.network,
        paths=case.response().period(period - 1, None).path_set
        if same
        else as_chosen(loaded, case.network, _path_set(paths or traffic.paths, case.network, pairs, needs)),
        class_share=np.repeat(share[:, np.newaxis], len(pairs), axis=1),
        theta_per_min=case.theta_per_min if theta_per_min is None else theta_per_min,
        length_km=_lengths(folder),
        remarks=(NO_NODAL_PRICE,) if built.priced_by_node else (),
    )


def _class_share(case: RoadCase, period: int) -> Array:
    """Return the share of each class in the trips of a period (of the day, if nobody travels then), shape (C,)."""
    by_class = case.demand.trips_vph[period - 1].sum(axis=1)
    if by_class.sum() == 0:
        by_class = case.demand.trips_vph.sum(axis=(0, 2))
    if by_class.sum() == 0:
        raise InputError("the scenario has no trips, hence no share of charging trips")
    return np.asarray(by_class / by_class.sum())


def _lengths(place: Path) -> dict[str, float]:
    """Return the lengths of the links that have one, km; only links.csv tells them in km."""
    if not (place / "links.csv").is_file():
        return {}
    table = read_table(place / "links.csv", LINK_COLUMNS, optional_link_columns())
    lengths = table.columns.get("length_km", [None] * len(table))
    return {link: length for link, length in zip(table.columns["id"], lengths, strict=True) if length}


def _write(path: Path, found: OdEstimate) -> None:
    header = ("origin", "destination", "trips_vph", "naive_error_vph", "sandwich_error_vph", "bound_percent")
    numbers = (found.trips_vph, found.naive_error_vph, found.sandwich_error_vph, 100.0 * found.bound)
    rows = zip(*(column.tolist() for column in numbers), strict=True)
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header)
            writer.writerows((*pair, *row) for pair, row in zip(found.od_pairs, rows, strict=True))
    except OSError as error:
        raise StorageError(f"{path}: the trips cannot be written ({error.strerror})") from error
