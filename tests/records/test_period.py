"""What simulators tell of a period is joined by key, or refused; tables made of it can be read back."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from cosim.errors import ComponentError
from cosim.quantities import COLUMNS
from cosim.quantities.checks import CHECKS
from cosim.records.base import Figures, Rows
from cosim.records.grid import AcBusRows, BusRows, DispatchPeriod, GridPeriod
from cosim.records.micro import MeasuredPeriod
from cosim.records.period import PaidRows, PeriodRecord, joined, tables
from cosim.records.traffic import TrafficPeriod
from cosim.results.stored import hints, read_records
from tests.by_hand import by_hand

VOCABULARY = {(column.table, column.name) for column in COLUMNS}


def dispatch(period, *buses, vm_pu=(1.0, 0.9), **given):
    rows = by_hand(BusRows, bus=buses, vm_pu=np.array(vm_pu))
    return by_hand(DispatchPeriod, period=period, buses=rows, **given)


def grid(period, *buses, vm_pu=(1.0, 0.8), **given):
    return by_hand(GridPeriod, period=period, buses=AcBusRows(bus=buses, vm_ac_pu=np.array(vm_pu)), **given)


def test_tables_of_one_name_are_joined_on_their_key():
    record = joined([grid(3, "1", "2", ac_loss_mw=0.5), dispatch(3, "1", "2", loss_mw=0.25)], "02:00-03:00")
    found = tables(record)
    buses = {name: values for name, values in found["buses"].items() if values}
    assert buses == {"bus": ["1", "2"], "vm_pu": [1.0, 0.9], "vm_ac_pu": [1.0, 0.8]}
    assert (record.period, found["periods"]["loss_mw"], found["periods"]["ac_loss_mw"]) == (3, [0.25], [0.5])


def test_columns_stand_in_the_order_of_the_vocabulary_and_terms_of_the_cost_after_their_sum():
    told = joined([by_hand(TrafficPeriod, period=1), dispatch(1, cost_terms={"z": 1.0, "energy": 2.0})], "")
    found = list(tables(told)["periods"])
    order = [column.name for column in COLUMNS if column.table == "periods"]
    plain = [name for name in found if not name.startswith("cost_")]
    assert plain == [name for name in order if name in plain]
    at = found.index("cost")
    assert found[at : at + 3] == ["cost", "cost_z", "cost_energy"]


@pytest.mark.parametrize("ids", [["2", "1"], ["1"], ["1", "2", "3"]])
def test_other_keys_are_refused(ids):
    record = joined([dispatch(3, "1", "2"), grid(3, *ids, vm_pu=np.ones(len(ids)))], "")
    with pytest.raises(ComponentError, match="period 3: two parts of table 'buses' have different bus ids"):
        tables(record)


def test_other_periods_are_refused():
    with pytest.raises(ComponentError, match=r"parts of periods \[2, 3\] met; a stale value is on a wire"):
        joined([dispatch(3), grid(2)], "")


def test_two_simulators_of_one_kind_are_refused():
    with pytest.raises(ComponentError, match="period 3: two simulators of one kind tell of it"):
        joined([dispatch(3), dispatch(3, loss_mw=1.0)], "")


def words(kind, table="periods"):
    """Yield every column or check that a kind of record can fill."""
    for item in fields(kind):
        hint = hints(kind)[item.name]
        if is_dataclass(hint) and issubclass(hint, Rows):
            yield from ((item.name, name) for _, name in words(hint))
        elif is_dataclass(hint) and issubclass(hint, Figures):
            yield from words(hint)
        elif item.name not in {"period", "cost_terms"}:
            yield table, item.name.rstrip("_")


@pytest.mark.parametrize("kind", [TrafficPeriod, DispatchPeriod, GridPeriod, MeasuredPeriod])
def test_every_field_is_a_column_or_a_figure_that_the_gate_judges(kind):
    assert {name for table, name in words(kind) if (table, name) not in VOCABULARY} <= set(CHECKS)


def test_who_pays_is_in_the_vocabulary():
    assert {("stations", item.name) for item in fields(PaidRows)} <= VOCABULARY


@pytest.mark.parametrize("name", ["sequential", "iterated", "day_ahead"])
def test_tables_that_are_read_back_are_the_same_tables(finished, name):
    """To the last bit, and in the same order, whatever was told of the period."""
    result = finished(name)
    records = read_records(result)
    assert [record.period for record in records] == list(range(1, 25))
    assert isinstance(records[0], PeriodRecord)
    for record in (records[0], records[7], records[23]):
        for table, columns in tables(record).items():
            rows = result[table]
            stored = rows[rows["period"] == record.period].drop(columns="period").to_dict("list")
            assert list(columns) == list(stored)
            np.testing.assert_equal(columns, stored)


def test_the_gate_is_asked_for_what_there_is():
    """Prices where there are any, the cost of a repair where one was, requirements where there are devices."""
    priced = by_hand(BusRows, price_per_mwh=np.array([300.0]))
    figures = by_hand(DispatchPeriod, buses=priced, dual_residual=1e-9, requirement_missed=0.0).judged()
    assert figures["dual_residual"] == 1e-9
    assert {"restoration_gap_rel", "storage_gap_rel", "requirement_missed"}.isdisjoint(figures)
    bare = by_hand(BusRows, price_per_mwh=np.array([np.nan]))
    repaired = by_hand(
        DispatchPeriod, buses=bare, dual_residual=1e-9, restoration="ac", restoration_gap_rel=0.5, storage_repair="x"
    )
    assert "dual_residual" not in repaired.judged()
    assert (repaired.judged()["restoration"], repaired.judged()["restoration_gap_rel"]) == ("ac", 0.5)
    assert repaired.judged()["storage_gap_rel"] == 0.0
