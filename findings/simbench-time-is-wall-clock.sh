#!/usr/bin/env bash
# simbench 1.6.3: the `time` column of the yearly profiles (366 days, a value each 15 minutes).
#
# Guess: 96 rows a day in one time zone, so row i is i / 4 hours after New Year, or the column is a key for a join.
# Seen: the column is the clock on the wall, in Central European Time with summer time, and says so nowhere: 92 rows on
# 2016-03-27 (02:00 to 02:45 are missing), 100 on 2016-10-30 (02:00 to 02:45 are there twice). A look-up by time gives
# two rows for four stamps; a reindex to a regular 15-minute range invents four rows and raises on the doubles; counting
# rows instead puts the sun's middle in June at 11.7 h where the column says 12.7 h, an hour against every table of
# charging or traffic in local time. What to do: count rows in UTC+1, or tz_localize("Europe/Berlin", ambiguous="infer").
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check simbench==1.6.3 pandapower==3.5.6
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

warnings.simplefilter("ignore")
import numpy as np
import pandas as pd
import simbench

profiles = simbench.get_simbench_net("1-MV-rural--0-sw").profiles["renewables"]
time = pd.to_datetime(profiles["time"], format="%d.%m.%Y %H:%M")
by_day = time.dt.strftime("%m-%d").value_counts()
odd = by_day[by_day != 96].to_dict()
doubled = sorted(time[time.duplicated()].dt.strftime("%m-%d %H:%M"))
missing = pd.date_range(time.iloc[0], time.iloc[-1], freq="15min").difference(time).strftime("%m-%d %H:%M").tolist()
print(f"simbench {version('simbench')}: {len(time)} rows, days with other than 96 {odd}, doubled {doubled}, missing {missing}")

sun = profiles["PV3"].to_numpy()
june = (time.dt.month == 6).to_numpy()
clock = np.average((time.dt.hour + time.dt.minute / 60)[june], weights=sun[june])
counted = np.average((np.arange(len(time)) / 4 % 24)[june], weights=sun[june])
print(f"middle of PV3 in June: {clock:.2f} h by the column, {counted:.2f} h by rows")
zoned = time.dt.tz_localize("Europe/Berlin", ambiguous="infer").diff().dropna()
assert len(time) == 366 * 96 and odd == {"03-27": 92, "10-30": 100}, "the column is regular now"
assert doubled == [f"10-30 02:{m}" for m in ("00", "15", "30", "45")]
assert missing == [f"03-27 02:{m}" for m in ("00", "15", "30", "45")]
assert abs(clock - counted - 1) < 0.01 and 12.5 < clock < 13.2
assert (zoned == pd.Timedelta("15min")).all()
PY
