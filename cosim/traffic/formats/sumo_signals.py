"""Signal programs of SUMO networks: how long a movement waits at red on empty roads, how much of its time is green."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.units import min_to_s
from cosim.xml_input import LARGE_MB, Element, number, read_xml

GO, PERMISSIVE = frozenset("GgsoO"), frozenset("gso")
"""States in which a movement may go, and those of them in which it gives way (SUMO's letters; `o`, `O`: signal off)."""
LONG_CYCLE_S = min_to_s(5.0)
"""A longer cycle is seldom meant; it is told."""
PERMISSIVE_SHARE = 0.5
"""What a green that gives way counts for in a capacity; a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The phases of a signal: how long each lasts, s, and one letter a movement.

    Attributes
    ----------
    signal, kind
        Its id; ``static``, or what else it is (the times of an actuated one are its longest or usual ones).
    phases
        Duration, s, and state.
    """

    signal: str
    kind: str
    phases: tuple[tuple[float, str], ...]

    @property
    def cycle_s(self) -> float:
        """Length of the cycle, s."""
        return sum(duration for duration, _ in self.phases)

    def delay_s(self, index: int) -> float:
        """Return the mean wait of a vehicle that comes at any time, alone: ``sum (red spell)^2 / 2C``, s.

        Yellow counts as red. Without any green it is infinite.

        >>> Program(signal="J", kind="static", phases=((33.0, "G"), (3.0, "y"), (24.0, "r"))).delay_s(0)
        6.075
        """
        spells = _red_spells([(duration, self._state(state, index) in GO) for duration, state in self.phases])
        if spells is None:
            return float("inf")
        return sum(spell**2 for spell in spells) / (2.0 * self.cycle_s) if self.cycle_s > 0.0 else 0.0

    def green_share(self, index: int) -> float:
        """Return the green time over the cycle; permissive green counts half.

        >>> Program(signal="J", kind="static", phases=((30.0, "G"), (10.0, "g"), (40.0, "r"))).green_share(0)
        0.4375
        """
        if not self.cycle_s > 0.0:
            return 1.0
        weights = (
            duration * (PERMISSIVE_SHARE if letter in PERMISSIVE else 1.0)
            for duration, state in self.phases
            if (letter := self._state(state, index)) in GO
        )
        return sum(weights) / self.cycle_s

    @staticmethod
    def _state(state: str, index: int) -> str:
        return state[index] if 0 <= index < len(state) else "r"


def _red_spells(phases: Sequence[tuple[float, bool]]) -> list[float] | None:
    """Return the lengths of the spells without green around the cycle, s; None if there is no green."""
    start = next((k for k, (duration, go) in enumerate(phases) if go and duration > 0.0), None)
    if start is None:
        return None
    spells, red = [], 0.0
    for duration, go in (*phases[start:], *phases[:start], (0.0, True)):
        if not go:
            red += duration
        elif red > 0.0:
            spells.append(red)
            red = 0.0
    return spells


def read_programs(files: Iterable[tuple[Path, Sequence[Element]]]) -> Mapping[str, Program]:
    """Return the program of each signal: of several the one that stands last, as SUMO takes it.

    Parameters
    ----------
    files
        The elements of the network, then of the additional files in the order in which SUMO loads them.
    """
    found: dict[str, Program] = {}
    for path, elements in files:
        signal, kind, phases = "", "", list[tuple[float, str]]()
        for one in (*elements, None):
            if one is not None and one.tag == "phase":
                phases.append((number(path, one, "duration"), one.attributes.get("state", "")))
                continue
            if signal and phases:
                found[signal] = Program(signal=signal, kind=kind, phases=tuple(phases))
            signal, phases = "", []
            if one is not None and one.tag == "tlLogic":
                signal, kind = one.attributes.get("id", ""), one.attributes.get("type", "static")
    return found


def write_programs(additional: Sequence[Path], path: Path) -> None:
    """Write the signal programs of additional files, and nothing else of them; no file where there is none.

    An additional file can name files for SUMO to write, so none is passed on as it is.
    """
    rows = [
        one
        for source in additional
        for one in read_xml(source, frozenset({"tlLogic", "phase"}), most_mb=LARGE_MB)
        if one.tag in ("tlLogic", "phase")
    ]
    if not rows:
        return
    lines, is_open = ["<additional>"], False
    for one in rows:
        words = " ".join(f'{name}="{html.escape(value)}"' for name, value in one.attributes.items())
        if one.tag == "phase":
            lines.append(f"        <phase {words}/>")
            continue
        lines += ["    </tlLogic>"] if is_open else []
        lines.append(f"    <tlLogic {words}>")
        is_open = True
    path.write_text("\n".join([*lines, "    </tlLogic>", "</additional>"]) + "\n", encoding="utf-8")
