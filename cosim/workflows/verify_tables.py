"""What a verification leaves in a run: its place in the one verdict, its tables, the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.dispatch.plan import DispatchCase
from cosim.reports.page import write_report
from cosim.results.verdict import Finding
from cosim.validation.audit import audit_columns
from cosim.validation.gate import exit_code
from cosim.validation.ledger_entry import Ledger
from cosim.validation.stored import StoredDispatch

if TYPE_CHECKING:
    from cosim.workflows.verify import Verification


def write(found: Verification, dispatch: DispatchCase, stored: StoredDispatch) -> None:
    """Write the tables, and the report with them."""
    result, ledger = found.result, found.ledger
    result.add_table("ledger", ledger.columns())
    result.add_table("ledger_run", {item.name: [getattr(found.whole, item.name)] for item in fields(found.whole)})
    result.add_table("ac_prices", _prices(ledger, dispatch, stored))
    result.add_table("audit", audit_columns(list(found.audit)))
    if found.stress is None:
        result.drop_table("stress")  # of an earlier verification
    else:
        result.add_table("stress", found.stress.columns())
    write_report(result)


def finding(found: Verification) -> Finding:
    """Return what stands in the run's verdict."""
    periods = tuple(int(entry.period) for entry in found.ledger.entries)
    return Finding(exit_code=found.exit_code, periods=periods, reasons=tuple(_reasons(found)))


def _reasons(found: Verification) -> Iterator[str]:
    """Yield what is wrong: flagged periods, and what of the audit does not close."""
    for entry in found.ledger.entries:
        if exit_code(entry.flags or (entry.status,)):
            yield f"period {entry.period}: {', '.join(entry.flags or (entry.status,))}"
    for item in found.audit:
        if not item.closes:
            yield f"the audit of {item.item} does not close, worst in period {item.worst_period}"


def _prices(ledger: Ledger, dispatch: DispatchCase, stored: StoredDispatch) -> dict[str, Any]:
    buses = list(dispatch.feeder.bus_ids)
    return {
        "period": np.repeat(stored.periods, len(buses)).tolist(),
        "bus": buses * stored.length,
        "price_per_mwh": stored.price_per_mwh.T.ravel().tolist(),
        "ac_price_per_mwh": ledger.ac_price_per_mwh.T.ravel().tolist(),
        "congestion_per_mwh": ledger.congestion_per_mwh.T.ravel().tolist(),
    }
