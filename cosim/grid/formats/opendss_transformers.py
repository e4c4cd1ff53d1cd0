"""Transformers of an OpenDSS circuit as those of a balanced feeder: units of a bank are one, at their mean tap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.grid.formats.opendss_engine import DssCircuit, DssElement
from cosim.grid.formats.sequence import PHASES, coils, nominal_kv, rated_kv
from cosim.plain import Cell

_TO_THE_LAST_WINDING = 1e-9
"""Share of the leakage behind the magnetising branch: OpenDSS puts that at the terminals of the last winding."""
_ON_A_STEP = 1e-6
Units = Mapping[str, Mapping[int, complex]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Winding:
    """One side of a unit: its bus, its coils' rating in volts between lines, its tap and the steps it may take."""

    bus: str
    coils: frozenset[tuple[int, int]]
    vn_kv: float
    tap: float
    step: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A transformer of two sides.

    Attributes
    ----------
    element
        What it is in the circuit.
    sides
        Both sides, that of the higher rated voltage first.
    sn_mva, most_mva
        Rated power, and the power that it may carry.
    z_pu
        Leakage impedance on its rating.
    iron_mw, magnetising_mva
        No-load losses and apparent power at rated voltage.
    magnetised
        Which side bears them.
    shift_degree
        Phase shift between star and delta.
    """

    element: DssElement
    sides: tuple[_Winding, _Winding]
    sn_mva: float
    most_mva: float
    z_pu: complex
    iron_mw: float
    magnetising_mva: float
    magnetised: int
    shift_degree: float

    @property
    def phases(self) -> int:
        """How many phases it has."""
        return self.element.phases


def unit_problems(element: DssElement) -> Iterator[tuple[str, str]]:
    """Yield what of a transformer has no equivalent, and the way out."""
    windings = element.values["windings"]
    if len(windings) == PHASES and element.buses[1] != element.buses[2]:
        yield "three windings at three buses are not carried", "leave one out, or import the net through pandapower"
    elif len(windings) not in (2, PHASES):
        yield f"{len(windings)} windings are not carried", "give it as transformers of two windings"
    if any(winding["kv"] <= 0.0 or winding["kva"] <= 0.0 for winding in windings):
        yield "a kV or kVA of 0", "give the rating"


def unit_of(element: DssElement, circuit: DssCircuit, units: Units) -> Unit:
    """Return a transformer of two windings, or of three whose second and third are halves at one bus."""
    windings = element.values["windings"]
    both = [_side(element, circuit, units, k) for k in (0, 1)]
    first = 0 if both[0].vn_kv >= both[1].vn_kv else 1
    sn = windings[0]["kva"] / 1000.0
    iron, magnetising = element.values["iron"] / 100.0, element.values["magnetising"] / 100.0
    stars = [winding["delta"] for winding in windings[:2]]
    return Unit(
        element=element, sides=(both[first], both[1 - first]), sn_mva=sn, z_pu=_leakage(element.values),
        most_mva=element.values["most_kva"] / 1000.0, iron_mw=iron * sn,
        magnetising_mva=float(np.hypot(iron, magnetising)) * sn, magnetised=1 - first,
        shift_degree=0.0 if stars[0] == stars[1] else 30.0,
    )  # fmt: skip


def _leakage(values: Mapping[str, Any]) -> complex:
    """Return the leakage impedance; of two halves at one bus both carry the same."""
    windings, (high_low, high_third, low_third) = values["windings"], values["x_percent"]
    if len(windings) < PHASES:
        return complex(sum(winding["r_percent"] for winding in windings), high_low) / 100.0
    high = (high_low + high_third - low_third) / 2.0
    halves = [complex(windings[1]["r_percent"], high_low - high), complex(windings[2]["r_percent"], high_third - high)]
    return (complex(windings[0]["r_percent"], high) + 1.0 / sum(1.0 / half for half in halves)) / 100.0


def _side(element: DssElement, circuit: DssCircuit, units: Units, k: int) -> _Winding:
    winding, bus = element.values["windings"][k], element.buses[k]
    pairs = coils(element.nodes[k], element.phases, delta=winding["delta"])
    nominal = nominal_kv(pairs, units[bus], circuit.buses[bus].base_kv)
    rated = rated_kv(winding["kv"], element.phases, delta=winding["delta"])
    steps = winding["steps"]
    return _Winding(
        bus=bus, coils=frozenset(pairs), tap=winding["tap"], lowest=winding["least"], highest=winding["most"],
        step=(winding["most"] - winding["least"]) / steps if steps else 0.0,
        vn_kv=rated / nominal * circuit.buses[bus].base_kv * float(np.sqrt(PHASES)) if nominal else 0.0,
    )  # fmt: skip


def banks(found: Sequence[Unit]) -> list[list[Unit]]:
    """Return the units in groups: those of one or two phases with coils of their own between the same buses are one."""
    groups: list[list[Unit]] = []
    for unit in found:
        for group in groups:
            if _belongs(unit, group):
                group.append(unit)
                break
        else:
            groups.append([unit])
    return groups


def _belongs(unit: Unit, group: list[Unit]) -> bool:
    first = group[0]
    return (
        all(one.phases < PHASES for one in (unit, first))
        and [side.bus for side in unit.sides] == [side.bus for side in first.sides]
        and unit.magnetised == first.magnetised
        and not any(unit.sides[0].coils & other.sides[0].coils for other in group)
        and sum(one.phases for one in (unit, *group)) <= PHASES
    )


def bank_row(group: Sequence[Unit], places: Mapping[str, int]) -> dict[str, Cell]:
    """Return a bank, or a single transformer, in pandapower's columns: mean tap, summed rating."""
    sn = sum(unit.sn_mva for unit in group)
    z = sn / sum(unit.sn_mva / unit.z_pu for unit in group)
    iron, magnetising = (sum(getattr(unit, name) for unit in group) for name in ("iron_mw", "magnetising_mva"))
    ratings = [float(np.mean([unit.sides[k].vn_kv for unit in group])) for k in (0, 1)]
    tap = _tap([[unit.sides[k] for unit in group] for k in (0, 1)], ratings)
    leakage = 1.0 - _TO_THE_LAST_WINDING if group[0].magnetised else _TO_THE_LAST_WINDING
    return {
        "hv_bus": places[group[0].sides[0].bus], "lv_bus": places[group[0].sides[1].bus],
        "sn_mva": sn, "vk_percent": 100.0 * abs(z), "vkr_percent": 100.0 * z.real,
        "pfe_kw": 1000.0 * iron, "i0_percent": 100.0 * magnetising / sn, "shift_degree": group[0].shift_degree,
        "max_loading_percent": 100.0 * sum(unit.most_mva for unit in group) / sn,
        "leakage_resistance_ratio_hv": leakage, "leakage_reactance_ratio_hv": leakage,
        "name": "+".join(unit.element.name for unit in group), **tap,
    }  # fmt: skip


def _tap(sides: Sequence[Sequence[_Winding]], ratings: list[float]) -> dict[str, Cell]:
    """Return the tap of one side; what is off its steps, or on the other side, goes into the rated voltages."""
    mean = [float(np.mean([winding.tap for winding in side])) for side in sides]
    moved = [k for k in (1, 0) if abs(mean[k] - 1.0) > _ON_A_STEP]
    k = moved[0] if moved else 1
    windings = sides[k]
    # of n units at whole steps the mean stands on a step of an n-th
    step = windings[0].step / len(windings)
    position = round((mean[k] - 1.0) / step) if step else 0
    alike = all((one.step, one.lowest, one.highest) == _range(windings[0]) for one in windings)
    fits = alike and step > 0.0 and abs(1.0 + position * step - mean[k]) <= _ON_A_STEP
    for other in (0, 1):
        if other != k or not fits:
            ratings[other] *= mean[other]
    found: dict[str, Cell] = {"vn_hv_kv": ratings[0], "vn_lv_kv": ratings[1]}
    if not fits:
        return found | dict.fromkeys(("tap_side", "tap_changer_type"), None) | dict.fromkeys(_NUMBERS, float("nan"))
    low, high = (round((limit - 1.0) / step) for limit in (windings[0].lowest, windings[0].highest))
    return found | {
        "tap_side": ("hv", "lv")[k], "tap_changer_type": "Ratio", "tap_neutral": 0, "tap_min": low, "tap_max": high,
        "tap_pos": position, "tap_step_percent": 100.0 * step, "tap_step_degree": 0.0,
    }  # fmt: skip


_NUMBERS = ("tap_neutral", "tap_min", "tap_max", "tap_pos", "tap_step_percent", "tap_step_degree")


def _range(winding: _Winding) -> tuple[float, float, float]:
    return winding.step, winding.lowest, winding.highest


def taps_differ(group: Sequence[Unit]) -> bool:
    """Return whether units of a bank stand at unequal taps."""
    return any(np.ptp([unit.sides[k].tap for unit in group]) > _ON_A_STEP for k in (0, 1))
