"""A pandapower net as a branch table, proved on the net itself."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import BoolArray, IntArray
from cosim.errors import InputError, Problem
from cosim.grid.reduction.balance import Balance, balance
from cosim.grid.reduction.branch_table import RING, BranchTable, branch_table
from cosim.grid.reduction.net_rules import in_service, net_problems
from cosim.grid.reduction.pandapower_rows import Solved, read_solved
from cosim.grid.reduction.proof import Proof, proved
from cosim.grid.reduction.solving import solved_net, solved_with_shares
from cosim.grid.reduction.source_proof import IMPORTED, SourceProof, source_proof
from cosim.grid.reduction.tap_rules import dead_taps, tap_problems
from cosim.grid.reduction.voltage_dependence import depends_on_voltage, with_all_shares
from cosim.grid.topology import listed

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

OF_THE_MODEL = (
    "trafo_model", "trafo_loading", "trafo3w_losses", "consider_line_temperature", "neglect_open_switch_branches",
    "switch_rx_ratio", "voltage_depend_loads",
)  # fmt: skip
"""Options of a net that say what is solved; those that say how are ours."""
_IN_OPENDSS = "open one of them in the .dss file: open line.NAME 1"
_NOT_READ = MappingProxyType(
    {
        "controller": "do not run", "poly_cost": "are left out: costs are the scenario's",
        "pwl_cost": "are left out: costs are the scenario's", "measurement": "are left out",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReducedNet:
    """A feeder of the user's own net.

    Attributes
    ----------
    name
        How messages call the net.
    table, proof
        The branch table and what proves it.
    supply
        The bus that supplies it.
    vm_pu
        Voltage of each of the user's buses in the feeder, by its index.
    place
        Position of each of them in the table; closed switches make several one.
    balance
        What of the net is in the feeder.
    source
        The comparison with the tool that the net comes from, if it brings that tool's own answer.
    remarks
        What was left out, read or found in a way that the user should know.
    net
        The copy of the net that was solved, elements opened.
    """

    name: str
    table: BranchTable
    proof: Proof
    supply: int
    vm_pu: dict[int, float]
    place: dict[int, int]
    balance: Balance
    source: SourceProof | None
    remarks: tuple[str, ...]
    net: pandapowerNet


def reduced(
    net: pandapowerNet, *, name: str, slack_bus: int | None = None, opened: Sequence[str] = (),
    balanced: bool = False, told: Sequence[str] = (),
) -> ReducedNet:  # fmt: skip
    """Reduce a net to the branch table of one of its feeders, and prove it.

    Parameters
    ----------
    net
        The net; it is not changed.
    name
        How messages call it.
    slack_bus
        Which of several sources supplies the feeder that is wanted.
    opened
        Elements to take out of service, ``line:3`` or ``3`` or the name of a line.
    balanced
        Whether parts of one and two phases that another tool solved may be balanced equivalents.
    told
        Remarks of whoever read the net.

    Raises
    ------
    InputError
        With everything that a radial feeder cannot carry, by name; or if it is not what the tool that it comes from
        solved.
    DependencyError
        If pandapower solved something else than its tables say.
    """
    if problems := [*net_problems(net, name), *tap_problems(net, name)]:
        raise InputError(problems)
    with rings_opened(_IN_OPENDSS) if IMPORTED in net else nullcontext():
        return _reduced(net, name, slack_bus, opened, told, balanced=balanced)


@contextmanager
def rings_opened(how: str) -> Iterator[None]:
    """Tell of rings how they are opened where a net comes from."""
    try:
        yield
    except InputError as error:
        raise InputError(replace(one, remedy=how) if one.field == RING else one for one in error.problems) from error


def _reduced(
    net: pandapowerNet, name: str, slack_bus: int | None, opened: Sequence[str], told: Sequence[str], *, balanced: bool
) -> ReducedNet:
    """Reduce and prove a net of which nothing is wrong by itself."""
    work = with_opened(net, opened, name)
    options = work.get("user_pf_options", {})
    work["user_pf_options"] = {key: options[key] for key in OF_THE_MODEL if key in options}
    with_all_shares(work)
    shares = depends_on_voltage(work) and bool(options.get("voltage_depend_loads", True))
    work = solved_with_shares(work, name) if shares else solved_net(work, name)
    solved = read_solved(work, name)
    supply = _supply(work, solved, slack_bus, name)
    at = int(solved.position[work.bus.index.get_loc(supply)])
    table, kept = branch_table(solved.base_mva, solved.buses, solved.rows, solved.slacks.tolist(), at, name=name)
    proof = proved(table, solved.told_mva[np.isin(solved.rows.from_bus, kept)], name)
    inside = np.isin(solved.position, kept)
    users = work.bus.index[inside].tolist()
    place = np.searchsorted(kept, solved.position[inside])
    voltages = dict(zip(users, proof.flows.vm_pu[place].tolist(), strict=True))
    remarks = (*told, *_remarks(net, solved, work, inside, supply, shares=shares))
    return ReducedNet(
        name=name, table=table, proof=proof, supply=supply, vm_pu=voltages,
        place=dict(zip(users, place.tolist(), strict=True)), balance=balance(net, table, list(voltages)),
        source=source_proof(net, voltages, proof.flows, name, balanced=balanced), remarks=remarks, net=work,
    )  # fmt: skip


def with_opened(net: pandapowerNet, opened: Sequence[str], name: str) -> pandapowerNet:
    """Return a copy of a net with elements out of service, named as for `reduced`.

    Raises
    ------
    InputError
        If a word names none, or if the net brings another tool's answer, which is that of the closed element.
    """
    work = copy.deepcopy(net)
    if opened and IMPORTED in work:
        reason, remedy = "OpenDSS solved it with this closed", "open it in the .dss file: open line.NAME 1"
        raise InputError(Problem(file=name, field=f"--open {opened[0]}", reason=reason, remedy=remedy))
    for word in opened:
        _open(work, word, name)
    return work


def _open(net: pandapowerNet, word: str, name: str) -> None:
    """Take an element out of service."""
    kind, _, which = word.rpartition(":")
    kind = kind or "line"
    table = net[kind] if kind in ("line", "trafo", "trafo3w", "impedance") else None
    found = [] if table is None else [index for index in table.index if str(index) == which]
    if table is not None and not found and "name" in table:
        found = table.index[table["name"] == which].to_list()
    if table is None or len(found) != 1:
        reason = f"{word!r} names {len(found)} elements; 'line:3', '3' or the name of a line names one"
        raise InputError(Problem(file=name, field="open", reason=reason, remedy="also trafo:, trafo3w:, impedance:"))
    table.loc[found[0], "in_service"] = False


def _supply(net: pandapowerNet, solved: Solved, wanted: int | None, name: str) -> int:
    """Return the user's bus that supplies the feeder."""
    grids = in_service(net.ext_grid)
    places = {int(bus): int(solved.position[net.bus.index.get_loc(bus)]) for bus in grids.bus}
    sources = {bus: at for bus, at in places.items() if at in solved.slacks}
    names = listed([str(bus) for bus in sources])
    if wanted is not None:
        if wanted in sources:
            return wanted
        reason = f"slack bus {wanted} has no external grid in service; sources: {names}"
        raise InputError(Problem(file=name, field="ext_grid", reason=reason, remedy="name one of them"))
    if len(set(sources.values())) > 1:
        reason = f"external grids at buses {names}; a radial feeder has one supply"
        raise InputError(
            Problem(
                file=name,
                field="ext_grid",
                reason=reason,
                remedy="choose one: --slack BUS, or feeder.slack_bus in a scenario",
            )
        )
    return next(iter(sources))


def _remarks(
    net: pandapowerNet, solved: Solved, work: pandapowerNet, inside: BoolArray, supply: int, *, shares: bool
) -> Iterator[str]:
    """Yield what the user should know of the way the net was read."""
    isolated = work.bus.index[solved.position < 0]
    yield from _left_out(isolated, "isolated or out of service")
    yield from _left_out(work.bus.index[(solved.position >= 0) & ~inside], f"not supplied by bus {supply}")
    if dead := dead_taps(net):
        yield f"tap_changer_type is empty, so tap_pos has no effect, of {listed(dead)}; give 'Ratio' to make it count"
    if shares:
        yield "voltage-dependent loads: solved on a copy with shunts, since pandapower averages their shares at a bus"
    for kind in ("asymmetric_load", "asymmetric_sgen"):
        if count := len(in_service(net[kind])):
            yield f"{count} rows of {kind} count as the sum of their phases"
    for kind, what in _NOT_READ.items():
        if kind in net and len(net[kind]):
            yield f"{len(net[kind])} rows of {kind} {what}"


def _left_out(buses: IntArray, why: str) -> Iterator[str]:
    if len(buses):
        yield f"{len(buses)} buses are {why}: {listed([str(bus) for bus in buses])}"
