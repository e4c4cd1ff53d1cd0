"""Read charging sessions: CSV, JSON as ACN-Data has it, and meter values of OCPP 1.6."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import numpy as np

from cosim.charging.sessions import Sessions
from cosim.errors import InputError, Problem
from cosim.tables import MOST_MISTAKES, read_table
from cosim.timeline import Clock, seconds_of

COLUMNS: dict[str, type] = {"start": str, "end": str, "energy_kwh": float, "station": str}
OPTIONAL: dict[str, type] = {"done": str, "plug": str}
REGISTER = "Energy.Active.Import.Register"
_KWH = {"Wh": 1e-3, "kWh": 1.0}
_MOST_BYTES = 64 << 20
Row = tuple[int, int, int, float, str, str, int]
"""Start, done, end, energy, station, plug, place."""


def read_sessions(path: Path | str, *, zone: tzinfo | None = None, drop_faulty: bool = False) -> Sessions:
    """Read sessions, whatever the format.

    Parameters
    ----------
    path
        A CSV (start, end, energy_kwh, station; optional done, plug), JSON with ``_items`` as ACN-Data has it
        (connectionTime, ...), or a JSON list of OCPP 1.6 ``MeterValues`` with ``chargePointId`` beside each.
    zone
        Of stamps without an offset; None takes them for UTC, with a remark.
    drop_faulty
        Leaves faulty sessions out, with a remark, in place of refusing the file.

    Raises
    ------
    InputError
        Naming every session that ends before it begins or has no length, energy that cannot be, and two at one plug.
    """
    path = Path(path)
    found = _of_json(path, zone) if path.suffix.lower() == ".json" else _of_csv(path, zone)
    faults = list(found.faults())
    if not faults:
        return found
    if not drop_faulty:
        remedy = "mend it, or leave faulty sessions out (drop_faulty)"
        raise InputError(
            Problem(str(path), found.place[k] if path.suffix.lower() != ".json" else 0, 1, "session",
                    f"session {found.place[k]}: {reason}", remedy)
            for k, reason in faults[:MOST_MISTAKES]
        )  # fmt: skip
    first = faults[0]
    remark = f"{len(faults)} of {len(found)} sessions are left out; the first, {found.place[first[0]]}: {first[1]}"
    return found.without([k for k, _ in faults], remark)


def _sessions(path: Path, rows: Sequence[Row], remarks: Sequence[str]) -> Sessions:
    if not rows:
        raise InputError(Problem(str(path), reason="there is no session", remedy="is it the right file?"))
    start, done, end, energy, station, plug, place = zip(*rows, strict=True)
    return Sessions(
        start_s=np.array(start), done_s=np.array(done), end_s=np.array(end), energy_kwh=np.array(energy, dtype=float),
        station=station, plug=plug, place=place, remarks=tuple(remarks),
    )  # fmt: skip


class _Times:
    """Reads stamps in a zone, UTC where none is known; remembers whether that was taken for granted."""

    def __init__(self, zone: tzinfo | None) -> None:
        self.clock, self.known, self.granted = Clock(zone=zone or UTC), zone is not None, False

    def read(self, text: str, after_s: int | None = None) -> int:
        if "," in text:  # Wed, 25 Apr 2018 11:08:04 GMT
            return seconds_of(parsedate_to_datetime(text))
        self.granted |= not self.known and datetime.fromisoformat(text).tzinfo is None
        return self.clock.read(text, after_s)

    @property
    def remarks(self) -> list[str]:
        return ["stamps have no offset and no zone was given: they are taken for UTC"] if self.granted else []


def _of_csv(path: Path, zone: tzinfo | None) -> Sessions:
    table = read_table(path, {}, {"*": str})
    if "energy_kwh" not in table.columns:
        given = [name for name in table.columns if "energy" in name.lower() or "kwh" in name.lower()]
        reason = f"column {given[0]!r} tells no unit of energy" if given else "column 'energy_kwh' is missing"
        raise InputError(Problem(table.file, 1, 0, "energy_kwh", reason, "name it energy_kwh, in kWh"))
    table = read_table(path, COLUMNS, OPTIONAL)
    times, absent = _Times(zone), [None] * len(table)
    done, plug = (table.columns.get(name, absent) for name in ("done", "plug"))
    problems: list[Problem] = []
    rows: list[Row] = []
    for row, (begin, end, energy, station) in enumerate(zip(*(table.columns[name] for name in COLUMNS), strict=True)):
        instants: list[int] = []
        for name, text in (("start", begin), ("end", end), ("done", done[row] or end)):
            try:
                instants.append(times.read(text, instants[0] if instants else None))
            except ValueError:
                reason = f"{text!r} is no ISO 8601 time"
                problems.append(table.problem(row, name, reason, "write 2026-03-29T14:00, or with an offset"))
                break
        else:
            start, last, ready = instants
            rows.append((start, ready, last, energy, station, plug[row] or "", table.line_numbers[row]))
    if problems:
        raise InputError(problems)
    return _sessions(path, rows, times.remarks)


def _of_json(path: Path, zone: tzinfo | None) -> Sessions:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(Problem(str(path), reason="the file has more than 64 MB", remedy="split it"))
        told = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(Problem(str(path), reason=f"cannot be read: {error}", remedy="is it JSON?")) from error
    times, items = _Times(zone), told.get("_items") if isinstance(told, dict) else told
    remarks: list[str] = []
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise InputError(Problem(str(path), reason="it is no list of sessions", remedy="give _items, or MeterValues"))
    ocpp = any("meterValue" in one for one in items)
    try:
        rows = list(_transactions(items, times, remarks) if ocpp else _acn(items, times))
    except (KeyError, TypeError, ValueError) as error:
        words = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        reason = f"a {'meter value' if ocpp else 'session'} cannot be read: {words}"
        raise InputError(Problem(str(path), reason=reason, remedy="see docs/charging.md")) from error
    return _sessions(path, rows, [*times.remarks, *remarks])


def _acn(items: Sequence[Mapping[str, Any]], times: _Times) -> Iterator[Row]:
    for number, one in enumerate(items, start=1):
        start = times.read(one["connectionTime"])
        end = times.read(one["disconnectTime"], start)
        done = one.get("doneChargingTime")
        plug = str(one.get("spaceID") or one.get("stationID") or "")
        station = str(one.get("siteID") or one["stationID"])
        yield start, end if done is None else times.read(done), end, float(one["kWhDelivered"]), station, plug, number


def _transactions(items: Sequence[Mapping[str, Any]], times: _Times, remarks: list[str]) -> Iterator[Row]:
    """Yield a session for every transaction: from its first to its last reading of the register of energy."""
    readings: dict[tuple[str, str, str], list[tuple[int, float]]] = {}
    without_unit = 0
    for one in items:
        key = str(one["chargePointId"]), str(one["connectorId"]), str(one["transactionId"])
        for value in one["meterValue"]:
            for sample in value["sampledValue"]:
                if sample.get("measurand", REGISTER) != REGISTER or "phase" in sample:
                    continue
                unit = sample.get("unit")
                without_unit += unit is None
                if unit is not None and unit not in _KWH:
                    raise ValueError(f"unit {unit!r} of energy is unknown; known: Wh, kWh")
                kwh = float(sample["value"]) * _KWH[unit or "Wh"]
                readings.setdefault(key, []).append((times.read(value["timestamp"]), kwh))
    if without_unit:
        remarks.append(f"{without_unit} readings tell no unit: Wh, as OCPP has it")
    for number, ((station, plug, _), found) in enumerate(readings.items(), start=1):
        found.sort()
        last = found[-1][1]
        done = next(instant for instant, kwh in found if kwh >= last)
        yield found[0][0], done, found[-1][0], last - found[0][1], station, plug, number
