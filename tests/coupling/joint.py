"""The coupled equilibrium of one hour as one convex programme, written from the domain objects alone.

Nothing of the dispatch's or the coupling's own model is used: feeder, devices, paths and laws are read, and
``J(f) = VOT Z(f) + C(E x(f))`` is put to Clarabel with second-order, power and exponential cones.
"""

import warnings
from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np

from cosim.charging.overload import Chargers
from cosim.coupling.accounts import InstantAccount
from cosim.coupling.fixed_point import Answer, solve
from cosim.coupling.potential import certify
from cosim.coupling.roads import Block
from cosim.dispatch.consent import Proposal
from cosim.dispatch.controller import Controller
from cosim.dispatch.exactness import exact_periods
from cosim.traffic.equilibrium import fisk_objective

TOLERANCES = (1e-11, 1e-10, 1e-9, 1e-8)
KINDS = ("substation", "gas_turbine", "photovoltaic", "wind")
FLOW, MONEY = 100.0, 1000.0
"""Scales of flows (veh/h) and money, for the solver's sake."""


def hourly(case, **changes):
    """Return a case whose hours stand alone, with the devices that the joint programme knows."""
    grid = case.dispatch
    devices = tuple(device for device in grid.devices if device.kind in KINDS)
    series = {device.name: grid.series[device.name] for device in devices if device.name in grid.series}
    settings = replace(grid.settings, mode="single_period")
    return replace(case, dispatch=replace(grid, devices=devices, series=series, settings=settings, **changes))


@dataclass
class Hour:
    """A solved hour: the loop, what is proved of it, its last plan, J (money per hour)."""

    loop: object
    certificate: object
    plan: object
    objective: float


def block_of(response, positions, **more):
    """Return some periods of roads whose energy is drawn at once and whose stations can serve whoever comes."""
    network = response.problem.network
    boundless = np.full(network.station_positions.size, np.inf)
    given = {
        "account": InstantAccount(network=network, energy_kwh=response.energy_kwh),
        "chargers": Chargers(power_mw=boundless, carries=boundless > 0.0, period_h=1.0),
    }
    return Block(response=response, positions=positions, **(given | more))


def solve_hour(case, position, *, method="auto", price=None, tolerance_mw=1e-6, controller=None):
    """Solve one coupled hour with a plain loop over the library's own functions."""
    controller = controller or Controller(case.dispatch, polish=True)
    block = block_of(replace(case.response(), tolerance=1e-12), (position,))
    plans = []

    def answer(query):
        proposal = query.root
        if proposal is not None:
            proposal = Proposal(price_per_mwh=query.price_per_mwh, root=query.root)
        plans.append(plan := controller.plan(position, query.load_mw, proposal))
        return Answer(
            price_per_mwh=plan.station_price_per_mwh,
            load_mw=plan.ev_mw,
            cost_per_h=float(plan.total_cost.sum()),
            suboptimality_per_h=plan.record.suboptimality,
            exact=bool(exact_periods(plan.cone, case.dispatch.limits).all()) and plan.restoration is None,
            elastic=plan.record.elastic,
        )

    if price is None:
        price = np.full((len(case.dispatch.station_buses), 1), case.dispatch.tariff_per_mwh[position])
    loop = solve(block.roads(), answer, price, method=method, tolerance_mw=tolerance_mw)
    certificate = certify(block, loop.judged.answer, loop.detail, exact_query=loop.query.root is None)
    free = block.response.period(position, None)
    fisk = fisk_objective(free, loop.detail[0].path_flow_vph)
    objective = block.response.value_of_time_per_min * fisk + float(plans[-1].total_cost.sum())
    return Hour(loop=loop, certificate=certificate, plan=plans[-1], objective=objective)


@dataclass
class Joint:
    """Minimum of J (money per hour), path and station flows (veh/h), station loads (MW)."""

    objective: float
    path_flow_vph: np.ndarray
    station_flow_vph: np.ndarray
    status: str


def solve_joint(case, position, *, curtailed=False):
    """Solve one hour of a scenario of substation, gas turbine, photovoltaics and wind, each hour for itself.

    ``curtailed`` offers the last resorts at their prices, as where no split of the loads can be served.
    """
    roads, grid = case.roads, case.dispatch
    problem, network, paths = roads.problem, roads.problem.network, roads.problem.paths
    demand = roads.demand_vph[position]
    incidence = np.zeros((len(network.link_ids), len(paths)))
    for k in range(len(paths)):
        for link in paths.path_links(k):
            incidence[link, k] += 1.0
    supplied = np.zeros(len(paths))
    for k, w in enumerate(paths.commodity):
        supplied[k] = demand[w]
    used = np.flatnonzero(supplied > 0.0)
    f = cp.Variable(used.size, nonneg=True)  # path flows over FLOW
    v = incidence[:, used] @ f
    constraints = [
        cp.sum(f[np.flatnonzero(paths.commodity[used] == w)]) == demand[w] / FLOW
        for w in range(len(demand))
        if demand[w] > 0.0
    ]
    minutes = -cp.sum(cp.entr(f)) / problem.theta_per_min  # f ln f, up to the constant f ln FLOW
    minutes = minutes + paths.offset_min[used] @ f
    fee = np.zeros(len(network.link_ids))
    fee[network.station_positions] = [s.access_fee / roads.value_of_time_per_min for s in roads.stations]
    for a in range(len(network.link_ids)):
        area, rows = _integral(network, a, v[a])
        minutes = minutes + area + fee[a] * v[a]
        constraints += rows
    load_mw = roads.energy_kwh / 1000.0 * FLOW * v[network.station_positions]
    cut_mw = cp.Variable(load_mw.size, nonneg=True) if curtailed else np.zeros(load_mw.size)
    cost, rows = _grid(grid, position, load_mw - cut_mw, shedding=curtailed)
    if curtailed:
        cost = cost + grid.settings.ev_curtailment_price_per_mwh * cp.sum(cut_mw)
        rows.append(cut_mw <= load_mw)
    vot = roads.value_of_time_per_min
    programme = cp.Problem(cp.Minimize((vot * FLOW * minutes + cost) / MONEY), constraints + rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is asked for more digits than it may have; see `status`
        for digits in TOLERANCES:
            try:
                programme.solve(solver=cp.CLARABEL, tol_gap_abs=digits, tol_gap_rel=digits, tol_feas=digits)
                break
            except cp.error.SolverError:  # it stalls on its way there
                continue
    flow = np.zeros(len(paths))
    flow[used] = FLOW * f.value
    constant = vot * np.log(FLOW) * demand.sum() / problem.theta_per_min
    return Joint(
        objective=MONEY * programme.value + constant,
        path_flow_vph=flow,
        station_flow_vph=(incidence @ flow)[network.station_positions],
        status=programme.status,
    )


def _integral(network, a, v):
    """Return the integral of a link's time over its flow (both over FLOW), and what goes with it."""
    t0, capacity = network.free_flow_min[a], network.capacity_vph[a] / FLOW
    if network.law[a] == "bpr":
        alpha, beta = network.alpha[a], network.beta[a]
        return t0 * (v + alpha * capacity / (beta + 1.0) * cp.power(v / capacity, beta + 1.0)), []
    assert network.law[a] == "davidson"
    j, knee = network.setting("j")[a], network.setting("knee")[a] * capacity
    curved, beyond = cp.Variable(nonneg=True), cp.Variable(nonneg=True)  # the time rises: the curve fills first
    area = t0 * ((1.0 - j) * curved - j * capacity * cp.log(1.0 - curved / capacity))
    at_knee = t0 * (1.0 + j * knee / (capacity - knee))
    slope = t0 * j * capacity / (capacity - knee) ** 2
    area = area + at_knee * beyond + 0.5 * slope * cp.square(beyond)
    return area, [curved + beyond == v, curved <= knee]


def _grid(grid, k, load_mw, *, shedding):
    """Return the hourly cost of the feeder, and its constraints: DistFlow with relaxed cones."""
    feeder, base = grid.feeder, grid.feeder.base_mva
    m = feeder.n_lines
    p, q, current, voltage = cp.Variable(m), cp.Variable(m), cp.Variable(m, nonneg=True), cp.Variable(m)
    p_in = [-grid.base_p_mw[i, k] for i in range(feeder.n_buses)]
    q_in = [-grid.base_q_mvar[i, k] for i in range(feeder.n_buses)]
    for n, bus in enumerate(grid.station_buses):
        p_in[bus] = p_in[bus] - load_mw[n]
    cost, rows = _devices(grid, k, p_in, q_in)
    for i in np.flatnonzero(grid.base_p_mw[:, k] > 0.0) if shedding else ():
        shed, base_mw = cp.Variable(nonneg=True), grid.base_p_mw[i, k]
        p_in[i], q_in[i] = p_in[i] + shed, q_in[i] + shed * grid.base_q_mvar[i, k] / base_mw
        cost = cost + grid.settings.shedding_price_per_mwh * shed
        rows.append(shed <= base_mw)
    line_to = {int(bus): n for n, bus in enumerate(feeder.child)}
    for i in range(feeder.n_buses):
        out = [n for n in range(m) if feeder.parent[n] == i]
        arriving = (0.0, 0.0)
        if i in line_to:
            n = line_to[i]
            arriving = (p[n] - feeder.r_pu[n] * current[n], q[n] - feeder.x_pu[n] * current[n])
        rows += [
            arriving[0] + p_in[i] / base == cp.sum([p[n] for n in out]) if out else arriving[0] + p_in[i] / base == 0,
            arriving[1] + q_in[i] / base == cp.sum([q[n] for n in out]) if out else arriving[1] + q_in[i] / base == 0,
        ]
    for n in range(m):
        above = int(feeder.parent[n])
        sending = feeder.slack_vm_pu**2 if above == feeder.slack else voltage[line_to[above]]
        r, x, child = feeder.r_pu[n], feeder.x_pu[n], int(feeder.child[n])
        drop = 2.0 * (r * p[n] + x * q[n]) - (r**2 + x**2) * current[n]
        rows.append(voltage[n] == sending - drop)
        rows.append(cp.SOC(current[n] + sending, cp.hstack([2.0 * p[n], 2.0 * q[n], current[n] - sending])))
        rows += [voltage[n] >= feeder.v_min_pu[child] ** 2, voltage[n] <= feeder.v_max_pu[child] ** 2]
        if np.isfinite(feeder.i_max_ka[n]):
            rows.append(current[n] <= (feeder.i_max_ka[n] / feeder.base_current_ka) ** 2)
    return cost + grid.settings.loss_price_per_mwh * base * (feeder.r_pu @ current), rows


def _devices(grid, k, p_in, q_in):
    """Add the devices' powers to the injections; return their hourly cost and constraints."""
    cost, rows = 0.0, []
    for device in grid.devices:
        p, q = cp.Variable(), cp.Variable()
        i = grid.feeder.slack if device.kind == "substation" else grid.feeder.bus_position(device.bus)
        p_in[i], q_in[i] = p_in[i] + p, q_in[i] + q
        if device.kind == "substation":
            assert device.export
            cost = cost + grid.tariff_per_mwh[k] * p
        elif device.kind == "gas_turbine":
            cost = cost + device.cost_per_mwh * p + device.cost_quadratic_per_mw2h * cp.square(p)
            rows += [p >= 0, p <= device.p_max_mw, q >= device.q_min_mvar, q <= device.q_max_mvar]
        else:
            assert device.kind in {"photovoltaic", "wind"}
            assert device.curtailable
            assert device.reactive
            available = grid.series[device.name]["available_mw"][k]
            rows += [p >= 0, p <= available, cp.norm(cp.hstack([p, q])) <= device.s_max_mva]
    return cost, rows
