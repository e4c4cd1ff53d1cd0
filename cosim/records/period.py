"""Everything that is told of a period, as one record, and the tables made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from cosim.arrays import Array
from cosim.errors import ComponentError
from cosim.quantities import COLUMNS
from cosim.quantities.checks import Figure
from cosim.quantities.finite import TERM, missing_values
from cosim.records.base import Columns, Rows, Told, Words
from cosim.records.grid import DispatchPeriod, GridPeriod
from cosim.records.micro import MeasuredPeriod, MicroPeriod
from cosim.records.traffic import TrafficPeriod

T = TypeVar("T", bound=Told)
COLUMNS_OF: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        table: tuple(column.name for column in COLUMNS if column.table == table and column.name != "period")
        for table in dict.fromkeys(column.table for column in COLUMNS)
    }
)
"""The columns of each table in order, without the number of the period."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaidRows(Rows):
    """What drivers pay at the stations; for energy where there is a price or a tariff."""

    station: Words
    energy_payment: Array | None = None
    fee_payment: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PeriodRecord:
    """Everything that is told of a period.

    Attributes
    ----------
    period
        Its number, from 1.
    clock
        Its begin and end.
    dispatch, grid, traffic, micro, measured
        What the simulators told; None of those that a scenario does not have.
    paid
        Payments of the drivers; None without stations.
    status, flags
        The gate's verdict; empty before there is one.
    """

    period: int
    clock: str = ""
    dispatch: DispatchPeriod | None = None
    grid: GridPeriod | None = None
    traffic: TrafficPeriod | None = None
    micro: MicroPeriod | None = None
    measured: MeasuredPeriod | None = None
    paid: PaidRows | None = None
    status: str = ""
    flags: Words = ()

    @property
    def told(self) -> tuple[Told, ...]:
        """What the simulators told."""
        every = (self.dispatch, self.grid, self.traffic, self.micro, self.measured)
        return tuple(one for one in every if one is not None)

    @property
    def notes(self) -> Words:
        """What happened on the way and changes no number."""
        return tuple(note for one in self.told for note in one.notes)

    def judged(self) -> dict[str, Figure | None]:
        """Return the figures that the gate judges, by the names of its checks."""
        figures = {name: value for one in self.told for name, value in one.judged().items()}
        return figures | {"values_missing": self.missing()}

    def missing(self) -> int:
        """Return how many values of the tables are none, or no finite number, and may not be."""
        return sum(missing_values(name, columns) for name, columns in tables(self).items())


def joined(parts: Sequence[Told], clock: str) -> PeriodRecord:
    """Join what the simulators told of one period.

    Raises
    ------
    ComponentError
        If the parts belong to different periods, or two of them come from simulators of one kind.
    """
    periods = sorted({one.period for one in parts})
    if len(periods) != 1:
        raise ComponentError(f"parts of periods {periods} met; a stale value is on a wire")
    if len({type(one) for one in parts}) != len(parts):
        raise ComponentError(f"period {periods[0]}: two simulators of one kind tell of it; connect one of each")
    return PeriodRecord(
        period=periods[0], clock=clock, dispatch=_of(DispatchPeriod, parts), grid=_of(GridPeriod, parts),
        traffic=_of(TrafficPeriod, parts), micro=_of(MicroPeriod, parts), measured=_of(MeasuredPeriod, parts),
    )  # fmt: skip


def _of(kind: type[T], parts: Sequence[Told]) -> T | None:
    return next((one for one in parts if isinstance(one, kind)), None)


def tables(record: PeriodRecord) -> Mapping[str, Columns]:
    """Return the tables of a period, columns in the order of `cosim.quantities`, without the number of the period.

    Raises
    ------
    ComponentError
        If parts of one table have different keys.
    """
    found: dict[str, Columns] = {"periods": {"clock": [record.clock]}}
    parts = [part for one in record.told for part in one.tables()]
    if record.paid is not None:
        parts.append(("stations", record.paid.columns()))
    for table, columns in parts:
        known, key = found.get(table, {}), next(iter(columns), "")
        if known and table != "periods" and known[key] != columns[key]:
            raise ComponentError(f"period {record.period}: two parts of table '{table}' have different {key} ids")
        found[table] = known | columns
    if record.status:
        found["periods"] |= {"status": [record.status], "flags": [" ".join(record.flags)]}
    return {table: _ordered(table, columns) for table, columns in found.items()}


def _ordered(table: str, columns: Columns) -> Columns:
    """Return the columns of a table in order, the terms of the cost after their sum."""
    terms = [name for name in columns if name.startswith(TERM)]
    names = [name for column in COLUMNS_OF[table] for name in ([column, *terms] if column == "cost" else [column])]
    return {name: columns[name] for name in names if name in columns}
