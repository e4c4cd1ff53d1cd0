"""Taps that pandapower would pass over or mistake without a word."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from cosim.errors import Problem
from cosim.grid.reduction.net_rules import Frame, called, in_service

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

_KINDS = ("trafo", "trafo3w")
_RATIOS = ("leakage_resistance_ratio_hv", "leakage_reactance_ratio_hv")


def tap_problems(net: pandapowerNet, file: str) -> Iterator[Problem]:
    """Yield taps and transformer columns with which a power flow would be wrong or fail without a name."""
    for kind in _KINDS:
        table = net[kind]
        if len(table):
            yield from _old_columns(kind, table, file)
            yield from _beyond(kind, in_service(table), file)
            yield from _at_star_point(kind, in_service(table), file)
            yield from _tables(net, kind, table, file)
    for column in _RATIOS:
        table = net.trafo
        if column in table and len(table) and table[column].isna().any():
            empty = ", ".join(str(index) for index in table.index[table[column].isna()][:5])
            reason = f"{column} is empty for transformers {empty}, and not for all: the power flow would not end"
            yield Problem(file=file, field="trafo", reason=reason, remedy="give 0.5 where nothing is known")
    trafo = in_service(net.trafo)
    for index in trafo.index[trafo.vkr_percent.to_numpy(dtype=float) > np.abs(trafo.vk_percent.to_numpy(dtype=float))]:
        reason = f"vkr_percent {trafo.vkr_percent[index]:g} is above vk_percent {trafo.vk_percent[index]:g}"
        yield Problem(file=file, field=called("trafo", net.trafo, index), reason=reason, remedy="exchange them")


def dead_taps(net: pandapowerNet) -> list[str]:
    """Return the transformers whose tap position means nothing because the type of their tap changer is empty."""
    dead = []
    for kind in _KINDS:
        table = in_service(net[kind])
        for which in ("", "2"):
            position, neutral = f"tap{which}_pos", f"tap{which}_neutral"
            if {position, neutral} - set(table.columns):
                continue
            moved = (table[position] - table[neutral]).to_numpy(dtype=np.float64, na_value=0.0) != 0.0
            dead += [called(kind, table, index) for index in table.index[moved & ~_typed(table, which)]]
    return dead


def with_type(net: pandapowerNet, kind: str) -> pandapowerNet:
    """Return a copy of a net whose tap changers without a type have one, so that their positions count."""
    changed = copy.deepcopy(net)
    for name in _KINDS:
        table = changed[name]
        for which in ("", "2"):
            if f"tap{which}_pos" in table:
                typed = _typed(table, which)
                column = f"tap{which}_changer_type"
                words = table[column].to_list() if column in table else [None] * len(table)
                table[column] = [word if known else kind for word, known in zip(words, typed, strict=True)]
    return changed


def _typed(table: Frame, which: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which transformers' tap changers work."""
    column = f"tap{which}_changer_type"
    words = table[column] if column in table else [None] * len(table)
    return np.array([isinstance(word, str) and bool(word) for word in words], dtype=bool)


def _old_columns(kind: str, table: Frame, file: str) -> Iterator[Problem]:
    if "tap_phase_shifter" in table and "tap_changer_type" not in table:
        reason = "column tap_phase_shifter is of pandapower 2 and answered with an error by 3.5.6"
        yield Problem(file=file, field=kind, reason=reason, remedy="give tap_changer_type (Ratio, Symmetrical, Ideal)")


def _at_star_point(kind: str, table: Frame, file: str) -> Iterator[Problem]:
    """Yield taps at a star point whose step has no angle: pandapower leaves them out without a word."""
    if {"tap_at_star_point", "tap_step_degree", "tap_pos"} - set(table.columns):
        return
    star = table["tap_at_star_point"].fillna(value=False).astype(bool) & _typed(table, "")
    for index in table.index[star & table["tap_step_degree"].isna() & table["tap_pos"].notna()]:
        reason = "tap_step_degree is empty, with which pandapower passes over a tap at the star point"
        yield Problem(file=file, field=called(kind, table, index), reason=reason, remedy="give 0")


def _beyond(kind: str, table: Frame, file: str) -> Iterator[Problem]:
    for which in ("", "2"):
        low, position, high = (f"tap{which}_{name}" for name in ("min", "pos", "max"))
        if {low, position, high} - set(table.columns):
            continue
        least, at, most = (table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (low, position, high))
        for index in table.index[((at < least) | (at > most)) & _typed(table, which)]:
            reason = f"{position} {table[position][index]:g} is beyond {table[low][index]:g} to {table[high][index]:g}"
            yield Problem(file=file, field=called(kind, table, index), reason=reason, remedy="give a step that exists")


def _tables(net: pandapowerNet, kind: str, table: Frame, file: str) -> Iterator[Problem]:
    """Yield steps that a tap table lacks, and tables that several transformers would mix up."""
    if "tap_dependency_table" not in table:
        return
    users = table[table["tap_dependency_table"].fillna(value=False).astype(bool)]
    shared: dict[int, list[object]] = {}
    for index in users.index:
        number, step = users["id_characteristic_table"][index], users["tap_pos"][index]
        shared.setdefault(number, []).append(index)
        known = net.trafo_characteristic_table if "trafo_characteristic_table" in net else None
        steps = [] if known is None else known.step[known.id_characteristic == number].to_list()
        if steps.count(step) != 1:
            reason = f"tap_pos {step} stands {steps.count(step)} times in table {number} of trafo_characteristic_table"
            yield Problem(file=file, field=called(kind, table, index), reason=reason, remedy="give each step once")
    for number, several in shared.items():
        if len({users["tap_pos"][index] for index in several}) > 1:
            names = ", ".join(called(kind, table, index) for index in several)
            reason = f"{names} share tap table {number} at unequal taps: pandapower gives all of them one ratio"
            yield Problem(file=file, field=kind, reason=reason, remedy="give each its own table")
