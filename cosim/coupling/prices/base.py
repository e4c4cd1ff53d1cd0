"""What every rule of the price that drivers see is, and what it may know before the day."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Gt

from cosim.arrays import Array
from cosim.coupling.price import marked_up
from cosim.guard import Guarded

Markup = Annotated[float, Gt(-1)]
"""Relative to the price, 0.1 = 10 %."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """What is known before the day of T periods and S stations.

    Attributes
    ----------
    shape
        (S, T).
    tariff_per_mwh
        Shape (T,); None without a grid.
    given_per_mwh
        Prices that stand in for those of a grid's nodes, shape (S, T), or None.
    files
        Prices of the rule's own ``files`` by setting, each of shape (S, T).
    """

    shape: tuple[int, int]
    tariff_per_mwh: Array | None
    given_per_mwh: Array | None
    files: Mapping[str, Array]


class PriceRule(Guarded, ABC):
    """What drivers pay per MWh.

    Attributes
    ----------
    kind
        Its name.
    Settings
        Frozen dataclass of its keys in a scenario, with their bounds.
    files
        Settings that name a CSV file with one column per station.
    seen
        Whether drivers see a price.
    nodal
        Whether the price is that of the grid's nodes, which depends on the flow; without a grid it must be given.
    needs_grid
        Whether it needs a grid.
    """

    family = "price rule"
    kind: ClassVar[str]
    Settings: ClassVar[type[Any]]
    files: ClassVar[tuple[str, ...]] = ()
    seen: ClassVar[bool] = True
    nodal: ClassVar[bool] = False
    needs_grid: ClassVar[bool] = False

    def __init__(self, settings: Any) -> None:  # noqa: ANN401 - its own Settings
        self.settings = settings

    @property
    def markup(self) -> float:
        """Mark-up on the price of the dispatch."""
        return float(getattr(self.settings, "markup", 0.0))

    @abstractmethod
    def announced(self, known: Known) -> Array | None:
        """Return the prices that drivers know before the day, shape (S, T); None where they see none, or nodal ones."""

    def offered(self, nodal_per_mwh: Array, tariff_per_mwh: Array) -> Array:
        """Return what a dispatch tells a station to ask for, from its node's prices and the tariff, each (T,)."""
        return marked_up(tariff_per_mwh, self.markup)
