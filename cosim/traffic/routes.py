"""What a set of routes must offer so that every method can solve on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cosim.arrays import Array, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Commodity:
    """The travellers of one class between one origin and one destination."""

    user_class: str
    origin: str
    destination: str
    needs_station: bool = False

    def __str__(self) -> str:
        return f"{self.origin!r} -> {self.destination!r} of class {self.user_class!r}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogitLoad:
    """Flows of one logit loading at given link costs.

    A route is a path of a `PathSet`, or an arc of a `Dag` (a link towards one destination).

    Attributes
    ----------
    share
        Probability of each path within its commodity, or of each arc among those that leave its
        node, shape (K,).
    path_flow_vph, link_flow_vph
        Flows on routes (K,) and links (L,), veh/h.
    expected_min_cost_min
        Expected minimum cost of each commodity (S), min, shape (W,); inf for one without a path.
    """

    share: Array
    path_flow_vph: Array
    link_flow_vph: Array
    expected_min_cost_min: Array


class Routes(Protocol):
    """The choice sets of W commodities over L links, with K route flows; frozen during a solve.

    `PathSet` lists paths; `Dag` holds them implicitly, its route flows are those of its arcs.
    """

    @property
    def commodities(self) -> tuple[Commodity, ...]:
        """The W commodities; one without a route may only carry zero demand."""

    @property
    def link_ids(self) -> tuple[str, ...]:
        """Ids of the L links of the network that the routes belong to."""

    @property
    def model(self) -> str:
        """Name of the rule that made the set; results carry it."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user of the choice sets should know of them."""

    @property
    def supplied(self) -> IntArray:
        """Positions of the commodities that have a route, ascending."""

    @property
    def offset_min(self) -> Array:
        """Constant cost of each route besides its links, min, shape (K,)."""

    @property
    def dense_cells(self) -> float:
        """Numbers that the dense covariance of link use takes; inf if it is not offered (`newton` needs it)."""

    def __len__(self) -> int:
        """Return K."""

    def load(self, demand_vph: Array, theta_per_min: float, link_cost_min: Array) -> LogitLoad:
        """Spread demand (W,) over the routes by the logit model at link costs (L,) (Eq 7)."""

    def link_flow(self, route_flow_vph: Array) -> Array:
        """Return the flow of every link, veh/h, shape (L,) (Eq 5)."""

    def route_cost(self, link_cost_min: Array) -> Array:
        """Return the cost of every route, min, shape (K,) (Eq 6)."""

    def uniform(self, demand_vph: Array) -> Array:
        """Return route flows that split every commodity evenly over its paths."""

    def rescaled(self, demand_vph: Array, route_flow_vph: Array) -> Array:
        """Return the flows with their splits kept and the demand met (Eq 4)."""

    def divergence(self, demand_vph: Array, route_flow_vph: Array, theta_per_min: float, link_cost_min: Array) -> float:
        """Return ``sum_w q_w KL(P_w || P'_w)``, veh/h: how far the flows are from logit at the costs."""

    def entropy(self, demand_vph: Array, route_flow_vph: Array) -> float:
        """Return ``sum_k f_k ln f_k`` over all paths."""


def bregman(flow_vph: Array, log_ratio: Array, other_flow_vph: Array) -> float:
    """Return ``sum f (r + exp(-r) - 1)`` with ``r = ln(f / f')``: each term >= 0, nothing cancels near 0."""
    near = np.abs(log_ratio) < 1.0
    terms = np.where(
        near,
        flow_vph * (log_ratio + np.expm1(-np.where(near, log_ratio, 0.0))),
        flow_vph * (log_ratio - 1.0) + other_flow_vph,
    )
    return float(terms.sum())


def path_name(link_ids: Sequence[str]) -> str:
    r"""Return the name of a path: the ids of its links in travel order, that of a station where it charges.

    Nodes would not do: two links may lead from one node to the next, and a path may charge at one of several nodes. No
    two paths have one name, because a ``>`` within an id is written ``\>`` and a backslash twice.

    Examples
    --------
    >>> path_name(["1-5", "5-6", "S6", "6-10"])
    '1-5>5-6>S6>6-10'
    """
    return ">".join(_escaped(one, ">") for one in link_ids)


def path_id(user_class: str, name: str) -> str:
    """Return the name of a path with its class before it.

    Examples
    --------
    >>> path_id("charging", "1-5>S5>5-6")
    'charging:1-5>S5>5-6'
    """
    return f"{_escaped(user_class, ':')}:{name}"


def _escaped(text: str, mark: str) -> str:
    return text.replace("\\", "\\\\").replace(mark, f"\\{mark}")
