"""One hour of the default feeder, for faults of solvers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cosim.dispatch.controller import initial_states, make_window
from cosim.dispatch.problem import DispatchProblem


@pytest.fixture(scope="module")
def hour(small_case):
    """Return ``case``, ``problem()``, ``window(charging_mw)`` and ``states`` of one hour."""
    day = small_case("dispatch.mode=single_period").dispatch
    case = replace(
        day, base_p_mw=day.base_p_mw[:, :1], base_q_mvar=day.base_q_mvar[:, :1], tariff_per_mwh=day.tariff_per_mwh[:1],
        series={name: {key: row[:1] for key, row in rows.items()} for name, rows in day.series.items()},
    )  # fmt: skip
    return SimpleNamespace(
        case=case,
        states=initial_states(case),
        problem=lambda *, elastic=False: DispatchProblem(case, 1, elastic=elastic),
        window=lambda charging_mw=0.2: make_window(case, 0, 1, np.full((3, 1), charging_mw)),
    )
