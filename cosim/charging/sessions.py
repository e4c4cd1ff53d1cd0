"""Charging sessions as they were recorded: as load over periods, as arrivals, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cosim.arrays import Array, BoolArray, IntArray
from cosim.units import SECONDS_PER_HOUR, kw_to_mw

MOST_KW = 1500.0
"""Mean power of a session that no plug gives."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sessions:
    """N sessions; times in seconds since 1970, UTC.

    Attributes
    ----------
    start_s, done_s, end_s
        When the vehicle plugs in, is done charging (the end, where that is not known), and leaves, shape (N,).
    energy_kwh
        Delivered, shape (N,).
    station, plug
        Names, N of them; a plug without a name is empty.
    place
        Where each stands in its file, N of them, for messages.
    remarks
        What was left out or taken for granted.
    """

    start_s: IntArray
    done_s: IntArray
    end_s: IntArray
    energy_kwh: Array
    station: tuple[str, ...]
    plug: tuple[str, ...]
    place: tuple[int, ...]
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.station)

    @property
    def stations(self) -> tuple[str, ...]:
        """The stations, in order of their names."""
        return tuple(sorted(set(self.station)))

    def _at(self) -> IntArray:
        number = {name: k for k, name in enumerate(self.stations)}
        return np.array([number[name] for name in self.station], dtype=np.intp)

    def load_mw(self, edges_s: IntArray) -> Array:
        """Return the mean power of each station in each period, constant from plugging in until done, shape (S, T).

        Energy is conserved: what lies within the periods is counted by the time that it overlaps them.

        Parameters
        ----------
        edges_s
            Ends of the T periods, ascending, shape (T + 1,).
        """
        energy = np.zeros((len(self.stations), len(edges_s) - 1))
        drawing_s = np.maximum(self.done_s - self.start_s, 1)
        for own, first, last, kw in zip(
            self._at().tolist(), self.start_s, self.done_s, self.energy_kwh / drawing_s, strict=True
        ):
            overlap = np.minimum(last, edges_s[1:]) - np.maximum(first, edges_s[:-1])
            energy[own] += kw * np.maximum(overlap, 0)
        return energy * kw_to_mw(SECONDS_PER_HOUR) / np.diff(edges_s)

    def arrivals_vph(self, edges_s: IntArray) -> Array:
        """Return how many vehicles plug in at each station in each period, per hour, shape (S, T)."""
        period = np.searchsorted(edges_s, self.start_s, side="right") - 1
        within = (period >= 0) & (period < len(edges_s) - 1)
        count = np.zeros((len(self.stations), len(edges_s) - 1))
        np.add.at(count, (self._at()[within], period[within]), 1.0)
        return count * SECONDS_PER_HOUR / np.diff(edges_s)

    def faults(self) -> Iterator[tuple[int, str]]:
        """Yield what is wrong, by position: each session at most once, and of two on one plug the later one."""
        told = np.zeros(len(self), dtype=np.bool_)
        for k in range(len(self)):
            if reason := self._fault(k):
                told[k] = True
                yield k, reason
        yield from self._overlaps(told)

    def _fault(self, k: int) -> str:
        start, done, end, energy = self.start_s[k], self.done_s[k], self.end_s[k], self.energy_kwh[k]
        reasons = (
            (end < start, "the session ends before it begins"),
            (end == start, "the stay has no length"),
            (not (np.isfinite(energy) and energy >= 0.0), f"energy {energy:g} kWh must be >= 0"),
            (done < start, "it is done charging before it begins"),
            (done > end, "it is done charging after it ends"),
            (done == start and energy > 0.0, f"{energy:g} kWh are charged in no time"),
            (done > start and energy * SECONDS_PER_HOUR > MOST_KW * (done - start),
             f"{energy:g} kWh in {(done - start) / 60:g} min is more than any plug gives; Wh?"),
        )  # fmt: skip
        return next((reason for wrong, reason in reasons if wrong), "")

    def _overlaps(self, told: BoolArray) -> Iterator[tuple[int, str]]:
        last: dict[tuple[str, str], int] = {}
        for k in np.argsort(self.start_s, kind="stable").tolist():
            if told[k] or not self.plug[k]:
                continue
            before = last.get((self.station[k], self.plug[k]))
            if before is not None and self.start_s[k] < self.end_s[before]:
                yield k, f"plug {self.plug[k]!r} is taken by the session of row {self.place[before]}"
            else:
                last[self.station[k], self.plug[k]] = k

    def without(self, positions: Sequence[int], remark: str) -> Sessions:
        """Return the others, with a remark."""
        kept = np.setdiff1d(np.arange(len(self)), positions)
        return replace(
            self,
            start_s=self.start_s[kept],
            done_s=self.done_s[kept],
            end_s=self.end_s[kept],
            energy_kwh=self.energy_kwh[kept],
            station=tuple(self.station[k] for k in kept.tolist()),
            plug=tuple(self.plug[k] for k in kept.tolist()),
            place=tuple(self.place[k] for k in kept.tolist()),
            remarks=(*self.remarks, remark),
        )
