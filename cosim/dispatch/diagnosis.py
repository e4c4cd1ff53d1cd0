"""Why the hard model had no answer: what the elastic one could not serve, and which limits stand in the way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.base import Window
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.grid.feeder import Feeder
from cosim.grid.loading import element_ids, most_percent, over_limit_rel
from cosim.grid.radial_flow import solve_radial
from cosim.grid.state import GridState
from cosim.grid.topology import listed
from cosim.quantities.checks import sized_limit

AT_LIMIT_PU = 1e-5
AT_LIMIT_REL = 1e-4
AT_LIMIT_SHARE = 2e-6
"""Of the feeder's own power: how near to a limit of power counts as at it."""


def diagnosis(case: DispatchCase, plan: DispatchPlan) -> tuple[str, ...]:
    """Return one sentence per period: the amounts not served by place, and the limits that bind; empty if none.

    Examples of its form: ``0.1234 MW of charging at '8' not served; binding: lower voltage limit 0.95 pu at bus 18``.
    """
    return tuple(_sentence(case, plan, k) for k in range(plan.length))


def without_answer(case: DispatchCase, window: Window) -> tuple[str, ...]:
    """Return one sentence per period of a day that no dispatch makes possible: what its fixed power alone breaks.

    Fixed are loads and injections that are no device; charging is as it is asked for.
    """
    p, q = -window.base_p_mw, -window.base_q_mvar
    np.subtract.at(p, list(case.station_buses), window.ev_p_mw)
    state = solve_radial(case.feeder, p, q)
    return tuple(_broken(case, case.feeder_in(window.start + k), state.at(k)) for k in range(window.length))


def _broken(case: DispatchCase, feeder: Feeder, state: GridState) -> str:
    """Return the limits that a state breaks, and a way out."""
    if not state.converged:
        return "no dispatch keeps the limits; the fixed power alone has no AC state: kW given as MW?"
    low, high = feeder.v_min_pu - state.vm_pu, state.vm_pu - feeder.v_max_pu
    told = [
        f"{word} voltage limit {limit[at]:g} pu at bus {feeder.bus_ids[at]} by {over[at]:.4g} pu"
        for word, limit, over in (("lower", feeder.v_min_pu, low), ("upper", feeder.v_max_pu, high))
        if over[at := int(over.argmax())] > AT_LIMIT_PU
    ]
    over = over_limit_rel(feeder, state)
    if over.size and over[at := int(np.nan_to_num(over, nan=-1.0).argmax())] > AT_LIMIT_REL:
        told.append(f"{_limit_of(feeder, at)} by {over[at]:.4g} of it")
    if not told:
        return "no dispatch keeps all limits and requirements; the fixed power alone breaks none: see those of devices"
    feeds_in = bool((case.base_p_mw < 0.0).any())
    way = "let a device that may give less feed in (grid.devices)" if feeds_in else "let loads or charging give way"
    return f"no dispatch keeps the limits; the fixed power alone breaks {', '.join(told)}; {way}, or widen the limit"


def _limit_of(feeder: Feeder, at: int) -> str:
    """Return the limit of a line's current, or of an element's loading."""
    if feeder.plain:
        return f"current limit {feeder.i_max_ka[at]:g} kA of line {feeder.line_ids[at]}"
    return f"loading limit {most_percent(feeder)[at]:g} % of {element_ids(feeder)[at]}"


def _sentence(case: DispatchCase, plan: DispatchPlan, k: int) -> str:
    missing = list(_missing(case, plan, k))
    if not missing:
        return ""
    limits = list(_binding(case, plan, k)) or ["none in this period; a balance over the window"]
    return f"{', '.join(missing)}; binding: {', '.join(limits)}"


def _missing(case: DispatchCase, plan: DispatchPlan, k: int) -> Iterator[str]:
    """Yield amount, kind and place of every slack above its limit."""
    feeder, least = case.feeder, sized_limit("unserved_mw", case.limits, plan.own_power_mw[k])
    for n, name in enumerate(case.station_names):
        if (amount := plan.ev_curtailed_mw[n, k]) > least:
            bus = feeder.bus_ids[case.station_buses[n]]
            yield f"{amount:.4g} MW of charging at station {name} (bus {bus}) not served"
    for i in np.flatnonzero(plan.shed_mw[:, k] > least):
        yield f"{plan.shed_mw[i, k]:.4g} MW of load at bus {feeder.bus_ids[i]} not served"
    for device in plan.devices.values():
        if device.missed[k] > least:
            yield f"{device.name} misses its requirement by {device.missed[k]:.4g}"
    for i in np.flatnonzero(plan.voltage_slack_pu2[:, k] > case.limits.voltage_slack_pu2):
        yield f"voltage limit of bus {feeder.bus_ids[i]} missed by {plan.voltage_slack_pu2[i, k]:.4g} pu^2"


def _binding(case: DispatchCase, plan: DispatchPlan, k: int) -> Iterator[str]:
    """Yield the limits that the plan touches."""
    feeder, vm = case.feeder_in(plan.start + k), plan.grid.vm_pu[:, k]
    inner = np.arange(feeder.n_buses) != feeder.slack
    for word, limit, touches in (
        ("lower", feeder.v_min_pu, vm <= feeder.v_min_pu + AT_LIMIT_PU),
        ("upper", feeder.v_max_pu, vm >= feeder.v_max_pu - AT_LIMIT_PU),
    ):
        buses = np.flatnonzero(touches & inner)
        if buses.size:
            where = listed([feeder.bus_ids[i] for i in buses])
            yield f"{word} voltage limit {limit[buses[0]]:g} pu at bus {where}"
    for at in np.flatnonzero(over_limit_rel(feeder, plan.grid.at(k)) >= -AT_LIMIT_REL):
        yield _limit_of(feeder, int(at))
    for settings in case.devices:
        if catalogue()[settings.kind].side == "exchange":
            yield from _exchange(settings, float(plan.grid.slack_mw[k]), AT_LIMIT_SHARE * float(plan.own_power_mw[k]))


def _exchange(settings: object, import_mw: float, near_mw: float) -> Iterator[str]:
    """Yield the limit of the substation that the import touches."""
    most, least = getattr(settings, "import_max_mw", None), getattr(settings, "export_max_mw", None)
    least = least if getattr(settings, "export", True) else 0.0
    if most is not None and import_mw >= most - near_mw:
        yield f"import limit {most:g} MW"
    if least is not None and import_mw <= -least + near_mw:
        yield f"export limit {least:g} MW"
