"""Build the SUMO network of a road network or scenario, or check one that is there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cosim.charging.stations import Station
from cosim.errors import InputError, Problem, UsageError
from cosim.microsim.checks import check_net
from cosim.microsim.network import FILES, build_net, read_net
from cosim.microsim.port import Variant
from cosim.scenario.build import build_roads
from cosim.scenario.load import load
from cosim.traffic.formats import read_network, short_name
from cosim.traffic.network import RoadNetwork
from cosim.workflows.estimate import network_place

if TYPE_CHECKING:
    from cosim.microsim.model import MicroNet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BuiltNet:
    """A SUMO network with the roads that it belongs to.

    Attributes
    ----------
    net
        The network.
    network, stations
        Roads and stations.
    built
        Whether it was built now, not only checked.
    """

    net: MicroNet
    network: RoadNetwork
    stations: tuple[Station, ...]
    built: bool


def build(
    source: Path | str,
    *,
    length_scale: float | None = None,
    variant: Variant | None = None,
    out: Path | str | None = None,
    check: Path | str | None = None,
    overrides: Sequence[str] = (),
) -> BuiltNet:
    """Build a SUMO network and check it by reading it back; or only check one.

    Parameters
    ----------
    source
        A road network (a file or folder in any known format, or a shipped name), which has no stations, or a scenario.
    length_scale, variant
        See `cosim.microsim.model.MicroNet`; by default 1 and ``merge``. A network to check may have any, and must have
        those that are given.
    out
        Folder; by default ``<name>-<variant>`` in the working folder.
    check
        Folder of a network that was built earlier: nothing is built, it is compared with the roads.
    overrides
        ``--set`` assignments of a scenario.

    Raises
    ------
    InputError
        If something in the input is wrong, or the network to check does not match.
    UsageError
        If ``out`` holds anything but an earlier build.
    """
    name, network, stations = _roads(source, overrides)
    if check is not None:
        net = read_net(check)
        _check_as_asked(net, length_scale, variant)
    else:
        length_scale, variant = 1.0 if length_scale is None else length_scale, variant or "merge"
        folder = Path(out) if out is not None else Path(f"{name}-{variant}")
        _check_free(folder)
        net = build_net(network, stations, folder, length_scale=length_scale, variant=variant)
    check_net(net, network, stations)
    return BuiltNet(net=net, network=network, stations=stations, built=check is None)


def _roads(source: Path | str, overrides: Sequence[str]) -> tuple[str, RoadNetwork, tuple[Station, ...]]:
    """Return name, roads and stations of a source."""
    place = network_place(source)
    if place is not None:
        if overrides:
            raise InputError("a road network has no values to change with --set; only a scenario has")
        return short_name(place), read_network(place), ()
    loaded = load(source, overrides)
    case = build_roads(loaded)
    if case is None:
        raise InputError(f"scenario {loaded.name!r} has no roads")
    return loaded.name, case.network, case.stations


def _check_as_asked(net: MicroNet, length_scale: float | None, variant: Variant | None) -> None:
    """Refuse a network of another scale or variant than the one that is asked for."""
    way = "leave the option out to check the network as it is, or build it again without --check"
    problems = []
    if length_scale is not None and not math.isclose(length_scale, net.length_scale):
        reason = f"--scale {length_scale:g}, but the network has {net.length_scale:g}"
        problems.append(Problem(file=str(net.net_file.parent), reason=reason, remedy=way))
    if variant is not None and variant != net.variant:
        reason = f"--variant {variant}, but the network is {net.variant}"
        problems.append(Problem(file=str(net.net_file.parent), reason=reason, remedy=way))
    if problems:
        raise InputError(problems)


def _check_free(folder: Path) -> None:
    if not folder.exists():
        return
    foreign = [] if not folder.is_dir() else sorted(path.name for path in folder.iterdir() if path.name not in FILES)
    if foreign or not folder.is_dir():
        what = f"holds {foreign[0]!r}, which is no part of a SUMO network of ours" if foreign else "is no folder"
        raise UsageError(f"'{folder}' {what}; choose another with --out")
