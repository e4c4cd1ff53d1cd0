"""What every method is, and the merit function in perceived costs that some share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from cosim.arrays import Array
from cosim.guard import Guarded
from cosim.traffic.performance import link_cost_integral
from cosim.traffic.problem import Iterate, SueProblem, relative_change
from cosim.traffic.routes import LogitLoad

DENSE_CELLS = 1e8
"""Most numbers that a method with dense matrices may ask for (0.8 GB)."""


class Method(Guarded):
    """A method for the stochastic user equilibrium.

    Attributes
    ----------
    kind
        Its name.
    dense
        Whether it needs the dense covariance of link use, which only small path sets have.
    run
        ``run(problem, start, tolerance, limit=..., *, options) -> Iterate``, a static method: iterates from ``start``
        (or cold) until it believes that R <= tolerance; its own signature holds its options with their defaults.
    """

    family = "method"
    kind: ClassVar[str]
    dense: ClassVar[bool] = False

    run: ClassVar[Callable[..., Iterate]]


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Perceived costs t with everything that one load at them gives.

    ``merit`` is ``F(t) = sum int_0^V(t) c - t.V(t) + sum q S(t)``, whose minimum is the equilibrium.
    """

    perceived: Array
    loaded: LogitLoad
    cost: Array
    merit: float


def evaluate(problem: SueProblem, perceived: Array) -> Point:
    """Load at perceived costs (one load)."""
    loaded = problem.load(perceived)
    flow = loaded.link_flow_vph
    used = problem.demand_vph > 0
    welfare = (problem.demand_vph[used] * loaded.expected_min_cost_min[used]).sum()
    merit = float(link_cost_integral(problem.network, flow).sum() - perceived @ flow + welfare)
    return Point(perceived, loaded, problem.link_cost(flow), merit)


def full_step(problem: SueProblem, loaded: LogitLoad) -> tuple[float, float]:
    """Return how far a loading is from the loading at its own costs, by link and by route flows (one load).

    An average of loadings can agree with the loading at its costs link by link while its route flows still remember
    where it began. A last step of length 1 forgets that, where the loading reproduces itself.
    """
    again = problem.load(problem.link_cost(loaded.link_flow_vph))
    by_link = relative_change(again.link_flow_vph - loaded.link_flow_vph, loaded.link_flow_vph)
    return by_link, relative_change(again.path_flow_vph - loaded.path_flow_vph, loaded.path_flow_vph)
