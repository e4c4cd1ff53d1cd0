#!/usr/bin/env bash
# helics 3.6.1: what the units of a publication and of an input allow.
#
# Guess: HELICS converts MW into kW, and refuses to connect what is no conversion (it does refuse MW -> V, or "veh").
# Seen: several that are none connect without a word, and change the number or its meaning. Per unit of power has a base
# of 100 MVA nobody gave: 2 puMW arrive as 200 MW. A unit and the inverse of its kind are reciprocals: a pace of 4 min/km
# arrives at an input in km/h as 15, a headway of 1800 s at one in 1/h as 2, a resistance of 0.5 ohm at one in siemens as 2.
# Reactive power passes for active power: 3 MVAR arrive as 3 MW.
# What to do: give both ends the same unit and convert yourself; do not trust the check to tell p from q, or a pace from
# a speed.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check helics==3.6.1
"$work/venv/bin/python" - <<'PY'
import math

import helics as h


def received(published_unit, wanted_unit, value):
    """Return what an input reads of a published value, or None if the two do not connect."""
    info = h.helicsCreateFederateInfo()
    h.helicsFederateInfoSetCoreTypeFromString(info, "inproc")
    h.helicsFederateInfoSetCoreInitString(info, "-f 1 --autobroker")
    federate = h.helicsCreateValueFederate("federate", info)
    publication = h.helicsFederateRegisterGlobalPublication(federate, "out", h.HELICS_DATA_TYPE_DOUBLE, published_unit)
    reader = h.helicsFederateRegisterInput(federate, "in", h.HELICS_DATA_TYPE_DOUBLE, wanted_unit)
    h.helicsInputAddTarget(reader, "out")
    try:
        h.helicsFederateEnterExecutingMode(federate)
        h.helicsPublicationPublishDouble(publication, value)
        h.helicsFederateRequestTime(federate, 1.0)
        return h.helicsInputGetDouble(reader)
    except h.HelicsException as error:
        assert "is not convertible to" in str(error)
        return None
    finally:
        h.helicsFederateDestroy(federate)


EXPECTED = (
    ("MW", "kW", 2.0, 2000.0),
    ("MW", "V", 2.0, None),
    ("veh/h", "kW", 2.0, None),
    ("puMW", "MW", 2.0, 200.0),
    ("min/km", "km/h", 4.0, 15.0),
    ("s", "1/h", 1800.0, 2.0),
    ("ohm", "siemens", 0.5, 2.0),
    ("MVAR", "MW", 3.0, 3.0),
)
print("helics", h.helicsGetVersion())
for published, wanted, value, expected in EXPECTED:
    seen = received(published, wanted, value)
    print(f"{value:g} {published} -> {wanted}: {'refused' if seen is None else f'{seen:g}'}")
    assert (seen is None) == (expected is None) and (seen is None or math.isclose(seen, expected)), expected
PY
