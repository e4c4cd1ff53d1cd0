"""Transformers of stations' own: between the feeder's bus and a low-voltage bus that is the station's."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosim.errors import InputError, Problem
from cosim.grid.lean import pandapower
from cosim.scenario.schema import StationEntry
from cosim.units import kw_to_mw

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

LOW_KV = 0.4
"""Voltage of the chargers' side; where the feeder's is lower, it is that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationTrafo:
    """The transformer of a station.

    Attributes
    ----------
    place
        Number of the station in the scenario, from 0.
    station, bus
        Its name, and the feeder's bus on the upper side.
    sn_mva, vk_percent, vkr_percent
        Rated power, short-circuit voltage and its real part.
    """

    place: int
    station: str
    bus: str
    sn_mva: float
    vk_percent: float
    vkr_percent: float

    @property
    def name(self) -> str:
        """What the net calls it, and the bus below it."""
        return f"station {self.station}"


def of_stations(entries: Iterable[StationEntry]) -> tuple[StationTrafo, ...]:
    """Return the transformers of all stations that have one of their own."""
    return tuple(
        StationTrafo(
            place=place, station=one.name, bus=one.bus, sn_mva=kw_to_mw(one.trafo_kva),
            vk_percent=one.trafo_voltages[0], vkr_percent=one.trafo_voltages[1],
        )
        for place, one in enumerate(entries) if one.trafo_kva is not None and one.bus is not None
    )  # fmt: skip


def with_trafos(
    net: pandapowerNet, trafos: Sequence[StationTrafo], *, own_names: bool
) -> tuple[pandapowerNet, Mapping[str, int]]:
    """Return a copy of a net with the stations' transformers, and the bus below each, by station.

    A bus below has the limits and the place of the one above.

    Parameters
    ----------
    net
        The net.
    trafos
        The transformers.
    own_names
        Whether its buses are called by their names alone, and not by their indices.

    Raises
    ------
    InputError
        If the feeder's bus of a station is none of the net's.
    """
    pp, changed = pandapower(), copy.deepcopy(net)
    below: dict[str, int] = {}
    for one in trafos:
        above = _above(net, one, own_names=own_names)
        row = changed.bus.loc[above]
        low_kv = min(LOW_KV, float(row.vn_kv))
        bus = int(pp.create_bus(changed, low_kv, name=one.name))
        for column in ("min_vm_pu", "max_vm_pu", "geo"):
            if column in changed.bus:
                changed.bus.loc[bus, column] = row[column]
        pp.create_transformer_from_parameters(
            changed, above, bus, sn_mva=one.sn_mva, vn_hv_kv=float(row.vn_kv), vn_lv_kv=low_kv,
            vk_percent=one.vk_percent, vkr_percent=one.vkr_percent, pfe_kw=0.0, i0_percent=0.0, name=one.name,
        )  # fmt: skip
        below[one.station] = bus
    return changed, below


def _above(net: pandapowerNet, one: StationTrafo, *, own_names: bool) -> int:
    """Return the index of the bus that a station names."""
    found = named_buses(net, one.bus) if own_names else found_buses(net, one.bus)
    if len(found) != 1:
        reason = f"{one.bus!r} names {len(found)} buses of the net"
        raise InputError(Problem(field=f"stations.{one.place}.bus", reason=reason, remedy="name one by its index"))
    return found[0]


def found_buses(net: pandapowerNet, word: str) -> list[int]:
    """Return the buses that a word names: the one of that index, or all of that name."""
    by_index = [int(index) for index in net.bus.index if str(index) == word]
    return by_index or named_buses(net, word)


def named_buses(net: pandapowerNet, name: str) -> list[int]:
    """Return the buses of a name."""
    return [int(index) for index in net.bus.index[net.bus["name"] == name]]
