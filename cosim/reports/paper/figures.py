"""All figures of the paper by number.

>>> list(FIGURES)[:4]
[1, 2, 3, 4]
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cosim.reports.paper import (
    architecture,
    balance,
    charging,
    convergence,
    demand_response,
    link_flows,
    relaxation,
    storage,
    tariff,
)
from cosim.reports.paper.claims import PaperFigure

FIGURES: Mapping[int, PaperFigure] = MappingProxyType(
    {
        figure.number: figure
        for figure in (
            architecture.ARCHITECTURE,
            architecture.LOAD_CALCULATION,
            tariff.FIGURE,
            architecture.TOPOLOGY,
            link_flows.FIGURE,
            charging.FIGURE,
            convergence.FIRST,
            convergence.SECOND,
            balance.FIGURE,
            demand_response.FIGURE,
            storage.FIGURE,
            relaxation.FIGURE,
        )
    }
)
"""In the paper's order."""
