"""A net that another tool has solved, against that tool's own answer: a converter is never believed.

OpenDSS leaves its voltages in ``net["opendss_import"]``, by our reader (with its source power, losses and loadings) or
by pandapower's converter (voltages alone).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import InputError, Problem
from cosim.grid.reduction.flows import Flows

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

IMPORTED = "opendss_import"
EVEN_PU, CONVERTED_PU, BALANCED_PU = 1e-5, 5e-3, 1e-2
"""Differences of voltage that are allowed: of three even phases, of pandapower's converter, of balanced equivalents."""
EVEN_SHARE, BALANCED_SHARE = 1e-4, 2e-2
"""Differences of source power that are allowed, as shares of it."""
EVEN_POINTS = 0.1
"""Difference of a line's loading that is allowed of three even phases, percent points."""
_PHASES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """How far voltages are from the other tool's: of how many buses, where most, and on average."""

    buses: int
    largest_pu: float
    at: str
    mean_pu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProof:
    """What the comparison found.

    Attributes
    ----------
    tool
        The other tool and its version.
    uneven
        Number of parts that are not three even phases, by kind.
    three_phase, fewer
        Buses of three phases, by their positive sequence; those of one and two, by the mean of their voltages.
    p_mw, loss_mw
        Source power and losses, ours and the other's; ``None`` where that is not told.
    points
        Largest difference of a line's loading, percent points.
    """

    tool: str
    uneven: Mapping[str, int]
    three_phase: Apart
    fewer: Apart | None
    p_mw: tuple[float, float] | None
    loss_mw: tuple[float, float] | None
    points: float


def source_proof(
    net: pandapowerNet, vm_pu: Mapping[int, float], flows: Flows, name: str, *, balanced: bool = False
) -> SourceProof | None:
    """Compare a net with what the tool it comes from found.

    Parameters
    ----------
    net
        The net; one without the other tool's answer gives ``None``.
    vm_pu
        Our voltage of each of its buses.
    flows
        Our state.
    name
        How messages call it.
    balanced
        Whether parts of one and two phases may be balanced equivalents.

    Raises
    ------
    InputError
        If the net is not what the other tool solved, or has parts that only ``balanced`` allows.
    """
    told = net.get(IMPORTED)
    if not isinstance(told, Mapping):
        return None
    found = _compared(net, told, vm_pu, flows, name)
    if found.uneven and not (balanced or told.get("balanced")):
        parts = ", ".join(f"{count} {kind}" for kind, count in found.uneven.items())
        reason = f"it is not of three even phases: {parts}; as its balanced equivalent {_words(found)}"
        raise InputError(Problem(file=name, field="phases", reason=reason, remedy="--balanced takes that equivalent"))
    even, own = not found.uneven, "uneven" in told
    most_pu = (EVEN_PU if even else BALANCED_PU) if own else CONVERTED_PU
    share = EVEN_SHARE if even else BALANCED_SHARE
    reasons = []
    if not found.three_phase.largest_pu <= most_pu:
        reasons.append(f"voltages may differ by {most_pu:g} pu")
    if found.p_mw and not abs(found.p_mw[0] - found.p_mw[1]) <= share * abs(found.p_mw[1]) + 1e-9:
        reasons.append(f"source power may differ by {100.0 * share:g} %")
    if even and own and not found.points <= EVEN_POINTS:
        reasons.append(f"loadings may differ by {EVEN_POINTS:g} points")
    if reasons:
        reason = f"it is not what {found.tool} solved: {_words(found)}; {', '.join(reasons)}"
        raise InputError(Problem(file=name, field=found.three_phase.at, reason=reason, remedy=_remedy(own=own)))
    return found


def told_voltages(net: pandapowerNet) -> dict[int, float]:
    """Return the voltages that the other tool found, by the net's bus."""
    told = net.get(IMPORTED)
    other = told.get("vm_pu_opendss", {}) if isinstance(told, Mapping) else {}
    labels = {str(label).lower(): int(index) for index, label in net.bus.name.items()} if other else {}
    return {labels[bus]: float(value) for bus, value in other.items() if bus in labels and value > 0.0}


def _remedy(*, own: bool) -> str:
    if own:
        return "leave out what a balanced feeder cannot be (open phases, unequal banks), or build the net in pandapower"
    return "import the .dss file itself: cosim import opendss"


def _words(found: SourceProof) -> str:
    three = found.three_phase
    words = [f"{three.largest_pu:.2g} pu off at bus '{three.at}' and {three.mean_pu:.2g} on average"]
    if found.p_mw:
        words.append(f"source power {found.p_mw[0]:.6g} of {found.p_mw[1]:.6g} MW")
    return ", ".join(words)


def _compared(
    net: pandapowerNet, told: Mapping[str, Any], vm_pu: Mapping[int, float], flows: Flows, name: str
) -> SourceProof:
    phases = told.get("bus_phases", {})
    apart = {
        str(net.bus.name[bus]).lower(): abs(vm_pu[bus] - value)
        for bus, value in told_voltages(net).items()
        if bus in vm_pu
    }
    fewer = {bus: value for bus, value in apart.items() if phases.get(bus, _PHASES) < _PHASES}
    three = _apart({bus: value for bus, value in apart.items() if bus not in fewer})
    if three is None:
        reason = "OpenDSS left no voltages in it: it did not converge, or was not solved"
        raise InputError(
            Problem(file=name, field=IMPORTED, reason=reason, remedy="solve it in OpenDSS, and import again")
        )
    single, double = (int(told.get(f"{word}_phase_lines", 0)) for word in ("single", "two"))
    uneven = told.get("uneven", {"line of 1 phase": single, "line of 2 phases": double})
    rows = flows.table.rows
    source = [k for k, one in enumerate(rows.elements) if (one.kind, one.index) == ("line", told.get("source_line"))]
    p_mw = loss_mw = None
    if source:
        entering = flows.row_power_mva[source[0]]
        p_mw = (-float(entering[1].real), float(told["p_mw"]))
        loss_mw = (flows.loss_mw - float(entering.sum().real), float(told["loss_mw"]))
    return SourceProof(
        tool=str(told.get("version", "OpenDSS")), uneven={kind: int(count) for kind, count in uneven.items() if count},
        three_phase=three, fewer=_apart(fewer), p_mw=p_mw, loss_mw=loss_mw,
        points=_points(told.get("loading_percent", {}), flows),
    )  # fmt: skip


def _apart(values: Mapping[str, float]) -> Apart | None:
    if not values:
        return None
    top = max(values, key=values.__getitem__)
    return Apart(buses=len(values), largest_pu=values[top], at=top, mean_pu=float(np.mean(list(values.values()))))


def _points(other: Mapping[str, float], flows: Flows) -> float:
    """Return the largest difference of a line's loading, of those that have one in both tools."""
    ours = {
        str(one.index): percent
        for one, percent in zip(flows.table.rows.elements, flows.loading_percent.tolist(), strict=True)
        if one.kind == "line"
    }
    apart = [abs(ours[index] - percent) for index, percent in other.items() if index in ours and percent is not None]
    return max((value for value in apart if np.isfinite(value)), default=0.0)
