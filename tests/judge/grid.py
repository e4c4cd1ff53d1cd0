"""A radial feeder in ohm, kV, kA and MW, and its power flow by sweeps; no per-unit system."""

from dataclasses import dataclass

import numpy as np

SWEEPS = 500


@dataclass
class Flow:
    """State of the feeder: voltage per bus, current per line, what enters at the slack bus and what is lost."""

    vm_pu: np.ndarray
    current_ka: dict
    import_mw: float
    import_mvar: float
    loss_mw: float


@dataclass
class Grid:
    """Buses in file order; lines from the slack outwards."""

    ids: list
    kv: float
    slack: int
    line_ids: list
    parent: np.ndarray
    child: np.ndarray
    ohm: np.ndarray
    limit_ka: np.ndarray

    @classmethod
    def of_rows(cls, ids, rows, kv, slack):
        """Order the lines in service by breadth first from the slack bus."""
        at = {bus: i for i, bus in enumerate(ids)}
        near = {i: [] for i in range(len(ids))}
        for row in rows:
            a, b = at[row["from_bus"]], at[row["to_bus"]]
            near[a].append((b, row))
            near[b].append((a, row))
        order, seen, front = [], {at[slack]}, [at[slack]]
        while front:
            bus = front.pop(0)
            for other, row in near[bus]:
                if other not in seen:
                    seen.add(other)
                    front.append(other)
                    order.append((bus, other, row))
        ohm, limit = [], []
        for _, _, row in order:
            parallel = float(row.get("parallel") or 1)
            ohm.append(complex(row["r_ohm_per_km"], row["x_ohm_per_km"]) * row["length_km"] / parallel)
            most = row.get("max_i_ka")
            usable = float(row.get("df") or 1.0) * float(row.get("max_loading_percent") or 100.0) / 100.0
            limit.append(np.inf if most in (None, "") else float(most) * parallel * usable)
        return cls(
            ids=list(ids), kv=kv, slack=at[slack], line_ids=[row["id"] for _, _, row in order],
            parent=np.array([a for a, _, _ in order], dtype=int), child=np.array([b for _, b, _ in order], dtype=int),
            ohm=np.array(ohm, dtype=complex), limit_ka=np.array(limit),
        )  # fmt: skip

    def flow(self, p_mw, q_mvar, slack_pu):
        """Return the state for net loads per bus; None where the sweeps find none.

        Per phase: current = conj(S / 3 / (V / sqrt 3)) in kA, voltage drop = Z I in kV.
        """
        power = (np.asarray(p_mw, dtype=float) + 1j * np.asarray(q_mvar, dtype=float)) / 3.0
        source = slack_pu * self.kv / np.sqrt(3.0)
        volt = np.full(len(self.ids), source, dtype=complex)
        lines = range(len(self.line_ids))
        for _ in range(SWEEPS):
            if not np.isfinite(volt).all() or np.abs(volt).min() < 0.05 * source:
                return None
            drawn = np.conj(power / volt)
            through = np.zeros(len(self.line_ids), dtype=complex)
            for k in reversed(lines):
                through[k] = drawn[self.child[k]]
                drawn[self.parent[k]] += drawn[self.child[k]]
            before = volt.copy()
            for k in lines:
                volt[self.child[k]] = volt[self.parent[k]] - self.ohm[k] * through[k]
            if np.abs(volt - before).max() <= 1e-14 * source:
                break
        else:
            if np.abs(volt - before).max() > 1e-10 * source:
                return None
        loss = 3.0 * float(np.sum(self.ohm.real * np.abs(through) ** 2))
        entering = 3.0 * source * np.conj(drawn[self.slack])
        return Flow(
            vm_pu=np.abs(volt) * np.sqrt(3.0) / self.kv,
            current_ka=dict(zip(self.line_ids, np.abs(through), strict=True)),
            import_mw=float(entering.real), import_mvar=float(entering.imag), loss_mw=loss,
        )  # fmt: skip
