"""Both engines solve the same equations: states agree, questions are refused alike, pandapower has the last word."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import ComponentError, InputError
from cosim.grid.engines import ENGINES
from cosim.grid.engines.batch import SAME_PU, BatchFlow
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.state import GridState, no_state
from cosim.grid.stressed_flow import Disturbance, Stressed, StressedFlow, sweep_stressed

MEASURED = ("injection_error_mw", "mismatch_mva")
"""Told by each engine of its own answer."""


def same(batch, judged, *, abs_pu=1e-10):
    assert bool(batch.converged) == bool(judged.converged)
    for item in fields(GridState):
        one, other = (getattr(state, item.name) for state in (batch, judged))
        assert one.shape == other.shape
        if item.name not in MEASURED:
            scale = {"va_degree": 1e2, "vm_pu": 1.0}.get(item.name, 1e2)  # degrees; MW of some tens
            np.testing.assert_allclose(one, other, rtol=0.0, atol=scale * abs_pu, err_msg=item.name)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_buses=st.integers(2, 40))
def test_the_engines_agree_on_any_feeder(random_feeder, seed, n_buses):
    feeder = random_feeder(seed, n_buses)
    rng = np.random.default_rng(seed)
    p, q = (-load[:, None] * rng.uniform(-0.8, 1.1, (n_buses, 3)) for load in (feeder.p_mw, feeder.q_mvar))
    batch, judge = (ENGINES[name](feeder, tolerance_mva=1e-10) for name in ("batch", "pandapower"))
    many = batch.solve(p, q)
    assert many.mismatch_mva.max() < 1e-9
    for k in range(3):
        same(many.at(k), judge.solve(p[:, k], q[:, k]))
        same(batch.solve(p[:, k], q[:, k]), many.at(k), abs_pu=1e-14)


def test_many_cases_are_those_one_by_one(ieee33):
    p, q = (np.outer(-load, [0.4, 1.0, 40.0]) for load in (ieee33.p_mw, ieee33.q_mvar))
    for engine in (AcFlow(ieee33), BatchFlow(ieee33)):
        states = engine.solve(p, q)
        assert states.converged.tolist() == [True, True, False]
        for k in range(3):
            one = engine.solve(p[:, k], q[:, k])
            for item in fields(GridState):
                many, alone = (getattr(state, item.name) for state in (states.at(k), one))
                np.testing.assert_allclose(many, alone, rtol=0.0, atol=1e-12, err_msg=item.name)


@pytest.mark.parametrize("engine", ENGINES.values())
def test_engines_refuse_the_same_questions(ieee33, engine):
    flow = engine(ieee33)
    with pytest.raises(InputError, match=r"p_mw has shape \(32,\); feeder 'ieee33' has 33 buses"):
        flow.solve(np.zeros(32), np.zeros(33))
    wrong = np.zeros((33, 2))
    wrong[4, 1] = np.nan
    with pytest.raises(InputError, match=r"q_mvar is not finite at bus 5 of feeder 'ieee33'"):
        flow.solve(np.zeros((33, 2)), wrong)


def test_what_the_judge_contradicts_is_an_error_and_what_it_alone_finds_counts(ieee33):
    flow, asked = BatchFlow(ieee33), (-ieee33.p_mw, -ieee33.q_mvar)
    found = flow.solve(*asked)
    judged = AcFlow(ieee33).solve(*asked)
    confirmed = flow.confirm(found, *asked, "period 3")
    assert confirmed.vm_pu.tolist() == judged.vm_pu.tolist()
    assert flow.confirm(no_state(ieee33), *asked, "period 3").vm_pu.tolist() == judged.vm_pu.tolist()
    shifted = replace(found, vm_pu=found.vm_pu + 2.0 * SAME_PU)
    with pytest.raises(ComponentError, match=r"period 3: the batch power flow is 2e-08 pu from pandapower's"):
        flow.confirm(shifted, *asked, "period 3")
    assert AcFlow(ieee33).confirm(shifted, *asked, "period 3") is shifted


def test_disturbed_flows_of_a_batch_are_those_of_pandapower(ieee33):
    rng = np.random.default_rng(2)
    disturbances = []
    for _ in range(6):
        z, i, _ = rng.dirichlet((1.0, 1.0, 1.0))
        c, root = rng.uniform(0.0, 100.0), rng.uniform(0.98, 1.02)
        disturbances.append(
            Disturbance(constant_z=z, constant_i=i, c_nf_per_km=c, conductor_celsius=70.0, slack_vm_pu=root)
        )
    asked = {
        "base_p_mw": np.outer(ieee33.p_mw, rng.uniform(0.9, 1.1, 6)),
        "base_q_mvar": np.outer(ieee33.q_mvar, np.ones(6)),
        "other_p_mw": rng.uniform(-0.05, 0.05, (33, 6)), "other_q_mvar": rng.uniform(-0.02, 0.02, (33, 6)),
    }  # fmt: skip
    batch, judge = sweep_stressed(ieee33, Stressed(disturbances=disturbances, **asked)), StressedFlow(ieee33)
    for k, disturbance in enumerate(disturbances):
        alone = judge.solve(disturbance, **{name: value[:, k] for name, value in asked.items()})
        same(batch.at(k), replace(alone, injection_error_mw=np.array(0.0), mismatch_mva=np.array(0.0)))
