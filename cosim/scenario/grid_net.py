"""The grid of a scenario, from a folder of lines at one voltage or from a net: feeder, elements, profiles."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.errors import InputError, Problem, UsageError
from cosim.grid.circuit import Taps
from cosim.grid.feeder import NO_VM_PU, Feeder
from cosim.grid.formats.csv_net import is_net, net_of_folder
from cosim.grid.formats.matpower_net import net_of_case
from cosim.grid.formats.pandapower_net import named_net, net_of_json, simbench_net
from cosim.grid.formats.simbench_profiles import Profiles, profiles_of
from cosim.grid.model import read_feeder
from cosim.grid.reduction.net_elements import NetElement, net_elements
from cosim.grid.reduction.own_feeder import feeder_of_net
from cosim.grid.reduction.own_net import ReducedNet, reduced, rings_opened
from cosim.grid.reduction.own_taps import taps_of_net
from cosim.grid.reduction.rows import Element
from cosim.grid.reduction.tap_rules import with_type
from cosim.grid.reduction.users_net import users_net
from cosim.grid.reduction.voltage_dependence import at_rated_power, depends_on_voltage
from cosim.scenario import shipped
from cosim.scenario.files import ScenarioFiles
from cosim.scenario.net_roles import Role, check_roles, role_of
from cosim.scenario.net_source import NetSource, net_source
from cosim.scenario.schema import FeederSettings
from cosim.scenario.station_trafos import StationTrafo, found_buses, with_trafos

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

Trafos = tuple[StationTrafo, ...]
PROFILES = "simbench"
"""The file by whose name a series takes one of the profiles that the net brings along."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadNet:
    """A net as it was read.

    Attributes
    ----------
    net
        The net itself.
    found
        Its feeder as a branch table, with the proofs.
    elements
        What draws or gives constant power in the feeder.
    profiles
        Those that it brings along.
    own_names
        Whether its buses and elements are called by their names and not by their indices.
    below
        The bus below the transformer of each station that has one, by the station's name.
    """

    net: pandapowerNet
    found: ReducedNet
    elements: tuple[NetElement, ...]
    profiles: Profiles | None = None
    own_names: bool = False
    below: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """The grid of a scenario.

    Attributes
    ----------
    feeder
        The feeder; its nominal load is what the load profile scales.
    roles
        What becomes of the elements of the net; empty of a folder of lines.
    profiles
        A value a period of each of the net's profiles, by name.
    remarks
        What the user should know of the net.
    below
        The bus of each station that has a transformer of its own, by the station's name.
    """

    feeder: Feeder
    roles: tuple[Role, ...] = ()
    profiles: Mapping[str, Array]
    remarks: tuple[str, ...] = ()
    below: Mapping[str, str] = field(default_factory=dict)

    def base_power(self, load_profile: Array) -> tuple[Array, Array]:
        """Return P [MW] and Q [Mvar] drawn at each bus by all that is no device, shape (n, T) each."""
        feeder = self.feeder
        if feeder.net is None:
            return feeder.p_mw[:, None] * load_profile, feeder.q_mvar[:, None] * load_profile
        total = np.zeros((2, feeder.n_buses, len(load_profile)))
        for role in self.roles:
            total[:, role.element.at] += role.drawn_mva(load_profile, self.profiles)
        return total[0], total[1]


def grid_of(grid: str | NetSource, settings: FeederSettings, files: ScenarioFiles, trafos: Trafos = ()) -> Grid:
    """Return the grid of a scenario, with the transformers of its stations; read once.

    Raises
    ------
    InputError
        With every mistake in its files and settings.
    DependencyError
        If a package is missing, or a net is not what pandapower solves.
    """
    source = net_source(grid)
    key = str(grid) if source is None else source.model_dump_json()
    return files.once(("grid", key, settings.model_dump_json(), trafos), lambda: _grid(grid, settings, files, trafos))


def _grid(grid: str | NetSource, settings: FeederSettings, files: ScenarioFiles, trafos: Trafos) -> Grid:
    source = net_source(grid)
    if source is None and not trafos and not is_net(files.network(str(grid), shipped.FEEDERS)):
        return Grid(feeder=_plain(str(grid), settings, files), profiles={})
    read = read_net(grid, settings.slack_bus, settings.slack_vm_pu, files, trafos)
    profiles = _profiles(source, read, files)
    roles = tuple(role_of(source, one, profiles=bool(profiles)) for one in read.elements)
    check_roles(source, roles, profiles)
    return Grid(
        feeder=_feeder(read, settings, roles), roles=roles, profiles=profiles,
        remarks=tuple(_remarks(source, read)), below=read.below,
    )  # fmt: skip


def _plain(folder: str, settings: FeederSettings, files: ScenarioFiles) -> Feeder:
    """Return the feeder of a folder of lines at one voltage."""
    slack, vm_pu = required(settings)
    return read_feeder(
        files.network(folder, shipped.FEEDERS),
        slack_bus=slack,
        slack_vm_pu=vm_pu,
        base_mva=settings.base_mva,
        v_min_pu=settings.v_min_pu,
        v_max_pu=settings.v_max_pu,
        own_limits=settings.voltage_limits == "file",
        name=folder,
    )


def required(settings: FeederSettings) -> tuple[str, float]:
    """Return slack bus and voltage of a folder of tables, which do not tell them.

    Raises
    ------
    InputError
        If one is not given.
    """
    slack, vm_pu = settings.slack_bus, settings.slack_vm_pu
    if slack is None or vm_pu is None:
        given = {"slack_bus": slack, "slack_vm_pu": vm_pu}
        raise InputError(
            Problem(field=name, reason="required, but not given", remedy=f"add '{name}: ...'")
            for name, value in given.items()
            if value is None
        )
    return slack, vm_pu


def read_net(
    grid: str | NetSource, slack_bus: str | None, slack_vm_pu: float | None, files: ScenarioFiles, trafos: Trafos = ()
) -> ReadNet:
    """Read, reduce and prove a net; once.

    Raises
    ------
    InputError
        With everything in it that a radial feeder cannot carry.
    DependencyError
        If a package is missing, or a net is not what pandapower solves.
    """
    source = net_source(grid)
    key = str(grid) if source is None else source.model_dump_json(exclude={"devices", "first_day"})
    return files.once(
        ("net", key, slack_bus, slack_vm_pu, trafos),
        lambda: _read(grid, source, slack_bus, slack_vm_pu, files, trafos),
    )


def _read(
    grid: str | NetSource,
    source: NetSource | None,
    slack_bus: str | None,
    slack_vm_pu: float | None,
    files: ScenarioFiles,
    trafos: Trafos,
) -> ReadNet:
    if source is None:
        slack, vm_pu = required(FeederSettings.model_construct(slack_bus=slack_bus, slack_vm_pu=slack_vm_pu))
        net = net_of_folder(files.network(str(grid), shipped.FEEDERS), slack_bus=slack, slack_vm_pu=vm_pu)
        with rings_opened("set in_service to false of one of them, or open a switch at it"):
            return _reduced(net, str(grid), (), trafos, told=(), slack=int(net.ext_grid.bus.iloc[0]), own_names=True)
    net, told = _net(source, files)
    if source.tap_changer_type is not None:
        net = with_type(net, source.tap_changer_type)
    slack_index = _index(net, slack_bus)
    if slack_vm_pu is not None:
        net = copy.deepcopy(net)
        net.ext_grid.loc[net.ext_grid.bus == slack_index if slack_index is not None else slice(None), "vm_pu"] = (
            slack_vm_pu
        )
    if source.voltage_dependent_loads == "constant_power" and depends_on_voltage(net):
        reduced(net, name=source.word, slack_bus=slack_index, opened=source.open)  # it is what its own tool solved
        net, count = at_rated_power(net)
        told = (*told, f"{count} loads that depend on voltage draw their rated power, as the scenario asks for it")
    return _reduced(net, source.word, source.open, trafos, told=told, slack=slack_index)


def retapped(
    grid: str | NetSource, settings: FeederSettings, files: ScenarioFiles, old: Grid, taps: Taps, position: IntArray,
    trafos: Trafos = (),
) -> Grid:  # fmt: skip
    """Return the grid with tap changers elsewhere: set in the user's net, which is reduced and proved anew."""
    read = read_net(grid, settings.slack_bus, settings.slack_vm_pu, files, trafos)
    net, source = copy.deepcopy(read.net), net_source(grid)
    net.trafo["tap_pos"] = net.trafo["tap_pos"].astype(float)
    net.trafo.loc[taps.index, "tap_pos"] = position
    opened = () if source is None else source.open
    again = _reduced(net, read.found.name, opened, (), told=(), slack=read.found.supply, own_names=read.own_names)
    return replace(old, feeder=_feeder(again, settings, old.roles))


def taps_of(grid: str | NetSource, settings: FeederSettings, files: ScenarioFiles, trafos: Trafos = ()) -> Taps:
    """Return the tap changers of a net.

    Raises
    ------
    InputError
        Of a folder of lines at one voltage, and of transformers whose taps cannot be chosen; by name.
    """
    if grid_of(grid, settings, files, trafos).feeder.net is None:
        reason, remedy = "optimised, but the feeder has lines at one voltage only, no transformer", "remove it"
        raise InputError(Problem(field="taps", reason=reason, remedy=remedy))
    read = read_net(grid, settings.slack_bus, settings.slack_vm_pu, files, trafos)
    return taps_of_net(read.net, read.found)


def _reduced(
    net: pandapowerNet, name: str, opened: tuple[str, ...], trafos: Trafos, *, told: tuple[str, ...],
    slack: int | None, own_names: bool = False,
) -> ReadNet:  # fmt: skip
    if depends_on_voltage(net):
        reason = "its loads depend on voltage (const_z, const_i), which a scenario's load profile would have to scale"
        remedy = "set these shares to 0, or grid.voltage_dependent_loads to constant_power"
        raise InputError(Problem(file=name, field="load", reason=reason, remedy=remedy))
    net, below = with_trafos(net, trafos, own_names=own_names) if trafos else (net, {})
    found = reduced(net, name=name, slack_bus=slack, opened=opened, told=told)
    words = {station: str(net.bus["name"][bus] if own_names else bus) for station, bus in below.items()}
    return ReadNet(
        net=net, found=found, elements=net_elements(found.net, found.table, found.place), profiles=profiles_of(net),
        own_names=own_names, below=words,
    )  # fmt: skip


def _index(net: pandapowerNet, slack_bus: str | None) -> int | None:
    """Return the index of a bus by its word: its index, or its name where one bus has it."""
    if slack_bus is None:
        return None
    found = found_buses(net, slack_bus)
    if len(found) != 1:
        grids = ", ".join(str(bus) for bus in net.ext_grid.bus)
        reason = f"{slack_bus!r} names {len(found)} buses of the net"
        raise InputError(Problem(field="slack_bus", reason=reason, remedy=f"its external grids are at {grids}"))
    return found[0]


def _net(source: NetSource, files: ScenarioFiles) -> tuple[pandapowerNet, tuple[str, ...]]:
    """Read a net from where it comes from, and remember it as an input."""
    if source.file is not None:
        path = files.locate(source.file)
        return net_of_json(path) if source.source == "pandapower" else net_of_case(path)
    try:
        net = named_net(source.word) if source.source == "pandapower" else simbench_net(source.word)
    except UsageError as error:
        raise InputError(Problem(field=source.source, reason=str(error))) from None
    files.remember(f"{source.source}:{source.word}", _content(net))
    return net, ()


def _content(net: pandapowerNet) -> bytes:
    """Return the tables of a net that a package brings as bytes: what its SHA-256 is taken of."""
    tables = sorted(
        (name, table) for name, table in net.items()
        if hasattr(table, "to_csv") and len(table) and not name.startswith(("res_", "_"))
    )  # fmt: skip
    profiles = profiles_of(net)
    # simbench orders columns by a set: otherwise in every process
    told = "".join(f"{name}\n{table[sorted(table, key=str)].sort_index().to_csv()}" for name, table in tables).encode()
    series = (
        []
        if profiles is None
        else [np.ascontiguousarray(values).tobytes() for _, values in sorted(profiles.columns.items())]
    )
    return told + b"".join(hashlib.sha256(one).digest() for one in series)


def _profiles(source: NetSource | None, read: ReadNet, files: ScenarioFiles) -> dict[str, Array]:
    """Return the profiles over the periods of the scenario, and let its series take them by name."""
    if source is None or source.first_day is None or read.profiles is None:
        return {}
    found = read.profiles.between(source.first_day, files.timeline.periods, files.timeline.period_min)
    files.give_series(PROFILES, {name: values.tolist() for name, values in found.items()})
    return found


def _feeder(read: ReadNet, settings: FeederSettings, roles: tuple[Role, ...]) -> Feeder:
    """Return the feeder of a net, with the net that judges it; its nominal load is what is scaled as load."""
    _check_limits(read, settings)
    low, high = settings.v_min_pu, settings.v_max_pu
    least, most = NO_VM_PU[0] if low is None else low, NO_VM_PU[1] if high is None else high
    own = settings.voltage_limits == "file"
    feeder = feeder_of_net(read.net, read.found, v_min_pu=least, v_max_pu=most, own_limits=own)
    p_mw, q_mvar = np.zeros((2, feeder.n_buses))
    for role in roles:
        if role.scaled:
            p_mw[role.element.at] += role.element.p_mw
            q_mvar[role.element.at] += role.element.q_mvar
    feeder = replace(feeder, p_mw=p_mw, q_mvar=q_mvar, net=users_net(read.found))
    return _by_names(feeder, read.net) if read.own_names else feeder


def _check_limits(read: ReadNet, settings: FeederSettings) -> None:
    """Refuse a bus without a limit of voltage."""
    for column, usual in (("min_vm_pu", settings.v_min_pu), ("max_vm_pu", settings.v_max_pu)):
        if usual is None:
            buses = read.net.bus.loc[list(read.found.place)]
            none = buses.index[buses[column].isna()] if column in buses else buses.index
            if len(none):
                reason = f"{len(none)} buses of the net have no {column}, the first is {none[0]}"
                key = f"v_{column[:3]}_pu"
                raise InputError(Problem(field=key, reason=reason, remedy=f"add '{key}: ...' for them"))


def _by_names(feeder: Feeder, net: pandapowerNet) -> Feeder:
    """Return the feeder of a folder with the ids of its tables: of lines alone, of others after their table."""
    if feeder.circuit is None:
        return feeder
    bus = {str(index): name for index, name in zip(net.bus.index, net.bus["name"], strict=True)}
    row = {
        str(Element(kind=kind, index=int(index), name=name)): name if kind == "line" else f"{kind} {name}"
        for kind in ("line", "trafo", "switch")
        for index, name in zip(net[kind].index, net[kind]["name"], strict=True)
    }
    elements = replace(feeder.circuit.elements, ids=tuple(row[one] for one in feeder.circuit.elements.ids))
    also = tuple(tuple(bus[one] for one in ids) for ids in feeder.circuit.also)
    return replace(
        feeder, bus_ids=tuple(bus.get(one, one) for one in feeder.bus_ids), bus_names=(),
        line_ids=tuple(" + ".join(row[one] for one in ids.split(" + ")) for ids in feeder.line_ids),
        circuit=replace(feeder.circuit, also=also, elements=elements),
    )  # fmt: skip


def _remarks(source: NetSource | None, read: ReadNet) -> Iterator[str]:
    """Yield what the user should know of the net."""
    proof = read.found.proof
    yield (
        f"grid {read.found.name}: flows to {proof.flow_error_mva:.1e} MVA and voltages to "
        f"{proof.voltage_error_pu:.1e} pu as pandapower solves it"
    )
    yield from read.found.remarks
    if read.profiles is not None and source is not None and source.first_day is None:
        yield "SimBench's profiles are not used: give grid.first_day"
