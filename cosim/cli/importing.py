"""`cosim import`: what was read, its power flow, and how a scenario uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from cosim.cli.terminal import console, grid
from cosim.errors import UsageError

if TYPE_CHECKING:
    from cosim.grid.reduction.source_proof import SourceProof
    from cosim.workflows.check_net import CheckedNet

NOT_CONVERGED = 6
AS_IT_IS = ("opendss", "simbench")
"""Sources of which there are no plain tables: ``--check`` goes without saying."""


def import_command(
    source: str,
    net: str,
    out: Path | None,
    check_only: bool,
    roads: Mapping[str, Any],
    **how: Any,  # noqa: ANN401
) -> int:
    """Import into a folder, or check a net as it is; print what was found and return the exit code.

    Parameters
    ----------
    source, net, out
        Where from, which, and the folder.
    check_only
        Whether it is taken as it is.
    roads
        Options of roads, which a feeder has no use for.
    **how
        Options of `cosim.workflows.check_net.check_net`; empty ones are left out.
    """
    how = given(how)
    if given(roads):
        raise UsageError("--trips, --with, --station, --vclass, --begin, --end, --step, --service-cars belong to roads")
    if check_only or source in AS_IT_IS:
        return _checked(source, net, out, how)
    if how:
        raise UsageError("--slack, --open and --balanced belong to --check")
    if out is None:
        raise UsageError("give --out FOLDER for the tables, or --check")
    return _imported(source, Path(net), out)


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given; bus 0 is one."""
    return {name: value for name, value in options.items() if value is not None and value is not False}


def _checked(source: str, net: str, out: Path | None, how: Mapping[str, Any]) -> int:
    """Check a net and print its power flow; the net and its tables go into a folder, if there is one."""
    from cosim.workflows.check_net import check_net
    from cosim.workflows.net_tables import write_tables

    found = check_net(source, net, **how)
    if out is not None:
        write_tables(found, out)
    screen = console()
    for remark in found.remarks:
        screen.print(f"[yellow]remark[/yellow] {escape(remark)}", soft_wrap=True)
    screen.print(grid((f"  {name}", escape(text)) for name, text in _told(found)))
    if out is not None:
        screen.print(f"written  {escape(str(out))}", soft_wrap=True)
        screen.print(f"in a scenario:  grid: {escape(out.name)}/net.json", soft_wrap=True)
    return 0


def _told(found: CheckedNet) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of a net that goes in."""
    feeder, proof, voltages = found.net, found.net.proof, found.net.vm_pu
    buses, parts = feeder.table.buses, feeder.balance
    low, high = min(voltages, key=voltages.__getitem__), max(voltages, key=voltages.__getitem__)
    levels = ", ".join(f"{level:g}" for level in sorted(set(buses.base_kv.tolist()), reverse=True))
    yield "right", f"flows to {proof.flow_error_mva:.1e} MVA, voltages to {proof.voltage_error_pu:.1e} pu"
    yield from _by_source(feeder.source)
    yield "buses", f"{len(voltages)} at {levels} kV, {len(feeder.table.child)} branches below bus {feeder.supply}"
    yield "carried", ", ".join(map(str, parts.carried))
    if parts.left_out:
        yield "left out", ", ".join(map(str, parts.left_out))
    yield from (("merged", group) for group in parts.merged)
    yield "limits", str(found.limits)
    yield "voltage", f"{voltages[low]:.6f} pu at bus {low} to {voltages[high]:.6f} pu at bus {high}"
    yield "losses", f"{1000.0 * proof.flows.loss_mw:.3f} kW"
    yield from (("loading", f"{one.percent:.2f} % of {one.element}") for one in found.fullest)


def _by_source(found: SourceProof | None) -> Iterator[tuple[str, str]]:
    """Yield how a net compares with what the tool that it comes from found."""
    if found is None:
        return
    three = found.three_phase
    words = f"{three.buses} buses to {three.largest_pu:.1e} pu (bus '{three.at}'), {three.mean_pu:.1e} on average"
    if found.p_mw and found.loss_mw:
        (power, its_power), (lost, its_loss) = found.p_mw, found.loss_mw
        words += f"; source power {power:g} of {its_power:g} MW, losses {1000.0 * lost:g} of {1000.0 * its_loss:g} kW"
    yield found.tool, words + (f"; loadings to {found.points:.1e} points" if not found.uneven else "")
    if found.uneven:
        yield "balanced", ", ".join(f"{count} {kind}" for kind, count in found.uneven.items())
    if found.fewer:
        less = found.fewer
        yield (
            "",
            f"{less.buses} buses of one or two phases to {less.largest_pu:.1e} pu of their voltages (bus '{less.at}')",
        )


def _imported(source: str, file: Path, out: Path) -> int:
    """Import and print; exit code 6 if the nominal load has no AC state."""
    from cosim.workflows.import_feeder import import_feeder

    found = import_feeder(source, file, out)
    screen = console()
    feeder, state = found.feeder, found.state
    for remark in found.remarks:
        screen.print(f"[yellow]remark[/yellow] {escape(remark)}", soft_wrap=True)
    rows = [
        ("buses", f"{feeder.n_buses}"),
        ("lines", f"{feeder.n_lines}"),
        ("load", f"{feeder.p_mw.sum():g} MW, {feeder.q_mvar.sum():g} Mvar"),
        ("slack", f"bus {found.tables.slack_bus} at {found.tables.slack_vm_pu:g} pu, {feeder.base_kv:g} kV"),
    ]
    if state.converged:
        lowest = feeder.bus_ids[int(state.vm_pu.argmin())]
        rows.append(("nominal load", f"lowest voltage {state.vm_pu.min():.6f} pu at bus {lowest}, "
                     f"losses {1000.0 * state.loss_mw:.3f} kW"))  # fmt: skip
    screen.print(grid((f"  {name}", text) for name, text in rows))
    if not state.converged:
        screen.print("[yellow]flagged[/yellow] the nominal load has no AC state")
    screen.print(f"written  {escape(str(found.folder))}", soft_wrap=True)
    screen.print("in a scenario:")
    for line in found.scenario_lines:
        screen.print(f"  {escape(line)}", soft_wrap=True)
    return 0 if state.converged else NOT_CONVERGED
