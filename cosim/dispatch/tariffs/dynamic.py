"""Prices in bands around the mean equivalent load (Eq 22)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.bounds import Fraction, NonNegative, check_bounds
from cosim.dispatch.tariffs.base import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicTariffSettings:
    """Three bands around the mean equivalent load (Eq 22).

    The paper uses one sigma for threshold and price; here they are two.

    Attributes
    ----------
    base_per_mwh
        Price inside the band.
    sigma_price
        Surcharge above the band and discount below it.
    sigma_threshold
        Half-width of the band around the mean equivalent load, as a share of its range over the day.
    """

    kind: Literal["dynamic"] = "dynamic"
    base_per_mwh: NonNegative
    sigma_price: Fraction = 0.3
    sigma_threshold: Fraction = 0.3

    def __post_init__(self) -> None:
        check_bounds(self, "tariff")


class DynamicTariff(Tariff):
    """Bands on the equivalent load (Eq 22)."""

    kind = "dynamic"
    Settings: ClassVar[type] = DynamicTariffSettings

    def price_per_mwh(self, equivalent_load_mw: Array) -> Array:
        """Return the price of the band that each period's load falls into."""
        s = self.settings
        return dynamic_tariff(
            equivalent_load_mw,
            base_per_mwh=s.base_per_mwh,
            sigma_threshold=s.sigma_threshold,
            sigma_price=s.sigma_price,
        )

    @classmethod
    def highest_per_mwh(cls, settings: DynamicTariffSettings) -> float:
        """Return the price of the upper band."""
        return settings.base_per_mwh * (1 + settings.sigma_price)


def dynamic_tariff(
    equivalent_load_mw: ArrayLike, *, base_per_mwh: float, sigma_threshold: float, sigma_price: float
) -> Array:
    """Return the price of each period from the equivalent load (Eq 22).

    ``rho0 (1 + sigma_price)`` where the load is at least ``mean + sigma_threshold * (max - min)``,
    ``rho0 (1 - sigma_price)`` where it is at most ``mean - sigma_threshold * (max - min)``, else ``rho0``.

    Parameters
    ----------
    equivalent_load_mw
        Base load plus charging demand less photovoltaic and wind forecast, shape ``(periods,)``, MW.

    Returns
    -------
    ndarray
        Price per MWh, shape ``(periods,)``.

    Examples
    --------
    >>> dynamic_tariff([1.0, 2.0, 3.0], base_per_mwh=550.0, sigma_threshold=0.3, sigma_price=0.3)
    array([385., 550., 715.])
    """
    load = np.asarray(equivalent_load_mw, dtype=float)
    spread = float(load.max() - load.min())
    price = np.full(load.shape, base_per_mwh)
    if spread > 0.0:
        price[load >= load.mean() + sigma_threshold * spread] = base_per_mwh * (1.0 + sigma_price)
        price[load <= load.mean() - sigma_threshold * spread] = base_per_mwh * (1.0 - sigma_price)
    return price
