"""Tell of a net of another tool whether it goes in as it is: its power flow by our branch table, or why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import UsageError
from cosim.grid.formats.matpower_net import net_of_case
from cosim.grid.formats.opendss_net import net_of_dss
from cosim.grid.formats.pandapower_net import named_net, net_of_json, simbench_net
from cosim.grid.reduction.limits import Limits, limits_of
from cosim.grid.reduction.own_net import ReducedNet, reduced, with_opened
from cosim.grid.reduction.source_proof import IMPORTED
from cosim.workflows.import_feeder import supply_remarks, supply_settings

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet


def _pandapower(word: str) -> tuple[pandapowerNet, tuple[str, ...]]:
    path = Path(word)
    return net_of_json(path) if path.exists() or path.suffix else (named_net(word), ())


NETS: dict[str, Callable[[str], tuple[Any, tuple[str, ...]]]] = {
    "pandapower": _pandapower,
    "matpower": lambda word: net_of_case(Path(word)),
    "opendss": lambda word: net_of_dss(Path(word)),
    "simbench": lambda word: (simbench_net(word), ()),
}
"""Where nets come from: a file, a net's name, or a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """An element and its loading."""

    element: str
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedNet:
    """A net that goes in as it is.

    Attributes
    ----------
    read
        The net as it was read, what was opened out of service.
    net
        The branch table with its proofs.
    fullest
        The line and the transformer with the highest loading, where any has a rating.
    limits
        Which limits the net brings.
    """

    read: Any
    net: ReducedNet
    fullest: tuple[Loading, ...]
    limits: Limits

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was left out or read in a way that the user should know, limits included."""
        supply, load_mw = self.limits.supply, float(-self.net.table.buses.p_mw.sum())
        told = [
            f"limits of power of {count} {kind} are not taken: give them to a device of the scenario"
            for kind, count in self.limits.not_taken.items()
        ]
        settings = "".join(f", {one}" for one in supply_settings(supply))
        kept = [f"a substation that keeps what it can: {{kind: substation, name: grid{settings}}}"] if settings else []
        return (*self.net.remarks, *told, *supply_remarks(supply, load_mw), *kept)


def check_net(
    source: str, net: str, *, slack_bus: int | None = None, opened: Sequence[str] = (), balanced: bool = False
) -> CheckedNet:
    """Read a net, reduce it to a branch table and prove it against pandapower's power flow of its own loads.

    Parameters
    ----------
    source
        ``pandapower`` (a file of ``pandapower.to_json``, or a name of ``pandapower.networks``), ``matpower`` (a case
        file), ``opendss`` (a .dss file) or ``simbench`` (a code).
    net
        The file, name or code.
    slack_bus
        Which of several sources supplies the feeder that is wanted.
    opened
        Elements to take out of service: ``line:3``.
    balanced
        Whether parts of one and two phases (OpenDSS) may be balanced equivalents.

    Raises
    ------
    UsageError
        If the source or the net is unknown.
    InputError
        With everything that a radial feeder cannot carry, by name.
    DependencyError
        If pandapower solved something else than its tables say, or a package is missing.
    """
    if source not in NETS:
        raise UsageError(f"source {source!r} is unknown; known: {', '.join(NETS)}")
    read, told = NETS[source](net)
    name = Path(net).name
    read = with_opened(read, opened, name)
    found = reduced(read, name=name, slack_bus=slack_bus, balanced=balanced, told=told)
    if found.source is not None:
        read[IMPORTED] |= {"balanced": balanced}
    return CheckedNet(read=read, net=found, fullest=tuple(_fullest(found)), limits=limits_of(read, found))


def _fullest(net: ReducedNet) -> list[Loading]:
    rows, percent = net.table.rows, net.proof.flows.loading_percent
    found = []
    for kinds in (("line",), ("trafo", "trafo3w")):
        rated = [k for k, one in enumerate(rows.elements) if one.kind in kinds and np.isfinite(percent[k])]
        if rated:
            top = max(rated, key=lambda k: float(percent[k]))
            found.append(Loading(element=str(rows.elements[top]), percent=float(percent[top])))
    return found
