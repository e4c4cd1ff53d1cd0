"""Loads of an OpenDSS circuit as shares of constant power, current and impedance at their bus's rated voltage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cosim.grid.formats.opendss_engine import DssElement
from cosim.grid.formats.sequence import coils, nominal_kv, rated_kv

_P, _I, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_BY_EXPONENT = {0.0: _P, 1.0: _I, 2.0: _Z}
_MODELS = {1: (_P, _P), 2: (_Z, _Z), 3: (_P, _Z), 5: (_I, _I), 6: (_P, _P), 7: (_P, _Z)}
_FIXED_Q = (6, 7)
_BY_EXPONENTS, _ZIP = 4, 8
_SERVED = 1e-4
Shares = tuple[float, float, float]
"""Of constant power, current and impedance, at the load's rated voltage."""


def load_problems(element: DssElement, multiplier: float) -> Iterator[tuple[str, str]]:
    """Yield why a load cannot be carried, and the way out."""
    if _shares(element) is None:
        reason = f"its model {element.values['model']} has no shares of constant power, current and impedance"
        yield reason, "give model 1, 2, 5 or 8"
        return
    p_mw, _ = _rated_mva(element, multiplier)
    served = element.power_mva[0].real
    if element.values["model"] == 1 and abs(served - p_mw) > _SERVED * abs(p_mw):
        reason = f"it asks for {1000.0 * p_mw:g} kW, and OpenDSS serves {1000.0 * served:g}"
        yield reason, "correct its kW, status or vminpu"


def load_row(element: DssElement, units: Mapping[int, complex], base_kv: float, multiplier: float) -> dict[str, float]:
    """Return power and shares of a load in pandapower's columns."""
    values = element.values
    pairs = coils(element.nodes[0], element.phases, delta=values["delta"])
    rated = rated_kv(values["kv"], element.phases, delta=values["delta"])
    above = nominal_kv(pairs, units, base_kv) / rated
    found: dict[str, float] = {}
    for name, power, shares in zip("pq", _rated_mva(element, multiplier), _shares(element) or (_P, _P), strict=True):
        parts = [share * above**k for k, share in enumerate(shares)]
        total = sum(parts)
        found |= {
            {"p": "p_mw", "q": "q_mvar"}[name]: power * total,
            f"const_i_{name}_percent": 100.0 * parts[1] / total if total else 0.0,
            f"const_z_{name}_percent": 100.0 * parts[2] / total if total else 0.0,
        }
    return found


def _rated_mva(element: DssElement, multiplier: float) -> tuple[float, float]:
    values = element.values
    times = multiplier if values["varies"] else 1.0
    return values["kw"] * times / 1000.0, values["kvar"] * (1.0 if values["model"] in _FIXED_Q else times) / 1000.0


def _shares(element: DssElement) -> tuple[Shares, Shares] | None:
    values = element.values
    if values["model"] == _BY_EXPONENTS:
        p, q = (_BY_EXPONENT.get(exponent) for exponent in values["exponents"])
        return (p, q) if p and q else None
    if values["model"] == _ZIP:
        z_p, i_p, p_p, z_q, i_q, p_q, _ = values["zip"]
        return None if min(values["zip"][:6]) < 0.0 else ((p_p, i_p, z_p), (p_q, i_q, z_q))
    return _MODELS.get(values["model"])
