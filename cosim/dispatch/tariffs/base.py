"""What every purchase tariff is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from cosim.arrays import Array
from cosim.guard import Guarded


class Tariff(Guarded, ABC):
    """Price of the energy that the substation imports, per MWh and period.

    Attributes
    ----------
    kind
        Its name.
    Settings
        Frozen dataclass of its keys in a scenario, with their bounds.
    series_fields
        Settings that may vary over the periods (`cosim.timeline.Series`).
    """

    family = "tariff"
    kind: ClassVar[str]
    Settings: ClassVar[type[Any]]
    series_fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Any, series: Mapping[str, Array]) -> None:  # noqa: ANN401 - its own Settings
        self.settings, self.series = settings, series

    @abstractmethod
    def price_per_mwh(self, equivalent_load_mw: Array) -> Array:
        """Return the price of each period from base load plus charging less renewable power on offer, shape (T,)."""

    @classmethod
    def highest_per_mwh(cls, settings: Any) -> float:  # noqa: ANN401 - its own Settings
        """Return the highest price that can be told from the settings alone; 0 if there is none."""
        return 0.0
