"""What draws or gives constant power in a feeder of a user's net, element by element.

Nothing may be missing: at every bus the elements add up to the power that pandapower itself puts there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.errors import DependencyError
from cosim.grid.reduction.branch_table import BranchTable
from cosim.grid.reduction.net_rules import Frame, in_service

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

_PHASED = ("asymmetric_load", "asymmetric_sgen")
CONSTANT_POWER = ("load", "sgen", "storage", "motor", *_PHASED)
"""Kinds that are nothing but constant power."""
GIVING = ("sgen", "asymmetric_sgen")
"""Kinds whose table counts what is fed in as positive."""
_SAME_SHARE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class NetElement:
    """An element of constant power.

    Attributes
    ----------
    kind, index, name
        Its table, its index there, and its name, which may be empty.
    bus, at
        Its bus in the user's net, and the position of that bus in the feeder.
    p_mw, q_mvar
        What it draws (generation negative), its scaling included.
    type, profile
        Its type, and the name of its profile; empty without one.
    """

    kind: str
    index: int
    name: str
    bus: int
    at: int
    p_mw: float
    q_mvar: float
    type: str = ""
    profile: str = ""

    @property
    def id(self) -> str:
        """Table and index, as a scenario names it: ``sgen 3``."""
        return f"{self.kind} {self.index}"


def net_elements(net: pandapowerNet, table: BranchTable, place: Mapping[int, int]) -> tuple[NetElement, ...]:
    """Return every element in service that draws or gives constant power in a feeder.

    Parameters
    ----------
    net
        The user's net.
    table
        The feeder.
    place
        Position in the feeder of each of the user's buses.

    Raises
    ------
    DependencyError
        If they do not add up to the power that pandapower puts at each bus.
    """
    found = tuple(element for kind in (*CONSTANT_POWER, "ward")
                  for element in _of_kind(net, kind, place))  # fmt: skip
    total = np.zeros(len(table.buses), dtype=np.complex128)
    for one in found:
        total[one.at] += one.p_mw + 1j * one.q_mvar
    off = np.abs(total + table.buses.p_mw + 1j * table.buses.q_mvar)
    if not off.max() <= _SAME_SHARE * max(table.base_mva, float(np.abs(total).sum())):
        raise DependencyError(
            f"the elements at {table.buses.labels[int(off.argmax())]} do not add up to what pandapower puts there: "
            f"{off.max():.3g} MVA differ"
        )
    return found


def _of_kind(net: pandapowerNet, kind: str, place: Mapping[int, int]) -> Iterator[NetElement]:
    rows = in_service(net[kind])
    rows = rows[rows.bus.isin(place)] if len(rows) else rows
    sign = -1.0 if kind in GIVING else 1.0
    p, q = _powers(kind, rows)
    words = zip(*(_words(rows, column) for column in ("name", "type", "profile")), strict=True)
    for index, bus, active, reactive, (name, kind_of, profile) in zip(rows.index, rows.bus, p, q, words, strict=True):
        yield NetElement(
            kind=kind, index=int(index), name=name, bus=int(bus), at=place[int(bus)], p_mw=sign * float(active),
            q_mvar=sign * float(reactive), type=kind_of, profile=profile,
        )  # fmt: skip


def _powers(kind: str, rows: Frame) -> tuple[Array, Array]:
    """Return P [MW] and Q [Mvar] of the rows as their table counts them."""
    if kind == "ward":  # its other part, of constant impedance, is a shunt
        return _column(rows, "ps_mw"), _column(rows, "qs_mvar")
    if kind == "motor":
        share = _column(rows, "loading_percent") / _column(rows, "efficiency_percent")
        p = _column(rows, "pn_mech_mw") * share * _column(rows, "scaling")
        return p, np.sqrt((p / _column(rows, "cos_phi")) ** 2 - p**2)
    phases = [f"_{phase}" for phase in "abc"] if kind in _PHASED else [""]
    p, q = (
        np.sum([_column(rows, f"{power}{phase}_{unit}") for phase in phases], axis=0)
        for power, unit in (("p", "mw"), ("q", "mvar"))
    )
    return p * _column(rows, "scaling"), q * _column(rows, "scaling")


def _column(rows: Frame, name: str) -> Array:
    return np.asarray(rows[name], dtype=np.float64)


def _words(rows: Frame, column: str) -> list[str]:
    """Return a column of texts; empty where there is none."""
    return [word if isinstance(word, str) else "" for word in (rows[column] if column in rows else [""] * len(rows))]
