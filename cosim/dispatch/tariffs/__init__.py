"""Purchase tariffs of the substation: one file each, found by name; a user's own by entry points ``cosim.tariffs``."""

from __future__ import annotations

from cosim.dispatch.tariffs.base import Tariff
from cosim.plugins import Catalogue

TARIFFS: Catalogue[Tariff] = Catalogue("cosim.dispatch.tariffs", "cosim.tariffs", Tariff)  # type: ignore[type-abstract]
"""Every tariff by its ``kind`` in scenarios."""
