"""SUMO's own battery and charging station, under a cap, against our queue: a second model of the same charging."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.microsim.measurements import TRIPS
from cosim.microsim.process import SumoProcess
from cosim.microsim.vehicles import write_routes
from cosim.microsim.windows import run_window

EFFICIENCY = 0.95
CHARGERS, CHARGER_W, ENERGY_WH = 2, 60_000.0, 4_000.0
CAP_W = 50_000.0
END_S = 1800

ADDITIONAL = f"""<additional>
<parkingArea id="lot" lane="Sp_0" startPos="50" endPos="350" roadsideCapacity="{CHARGERS}"/>
<chargingStation id="cs" lane="Sp_0" startPos="50" endPos="350" power="{CHARGER_W}" efficiency="{EFFICIENCY}"
 parkingArea="lot"/>
</additional>"""
BATTERY = f"""<vType id="ev"><param key="has.battery.device" value="true"/>
<param key="device.battery.capacity" value="40000"/><param key="device.battery.chargeLevel" value="10000"/>
<param key="device.battery.maximumChargeRate" value="{CHARGER_W * EFFICIENCY}"/></vType>"""


def battery_of_sumo(demand, net, folder):
    """Drive the same vehicles; a car leaves when its battery is served.

    Return the energy from the grid by car, Wh, and the time since the first one charges, s.
    """
    write_routes(demand, folder / "routes.rou.xml")
    text = (folder / "routes.rou.xml").read_text()
    (folder / "routes.rou.xml").write_text(text.replace('<vType id="ev"/>', BATTERY))
    (folder / "lots.add.xml").write_text(ADDITIONAL)
    options = ["-n", str(net.net_file), "-r", "routes.rou.xml", "-a", "lots.add.xml", "--seed", "1"]
    options += ["--no-step-log", "--time-to-teleport", "-1", "--tripinfo-output", TRIPS]
    energy, first_s = {}, 0
    with SumoProcess(options, folder) as process:
        traci = process.connection
        for second in range(1, END_S + 1):
            process.step_to(float(second))
            here = set(traci.parkingarea.getVehicleIDs("lot"))
            first_s = first_s or second * bool(here)
            for car in here:
                taken = float(traci.vehicle.getParameter(car, "device.battery.energyCharged")) / EFFICIENCY
                energy[car] = energy.get(car, 0.0) + taken
                if energy[car] >= ENERGY_WH - 1e-6:
                    traci.vehicle.resume(car)
            if here:
                each_w = min(CHARGER_W, CAP_W / len(here))
                traci.chargingstation.setChargingPower("cs", each_w)
        process.finish()
    return energy, END_S - first_s + 1


def test_under_a_cap_both_deliver_the_same_power(window, road, tmp_path, vehicles):
    """The cap binds as soon as one car charges, so that the turnover of SUMO's bays costs no energy.

    In SUMO the first car drives on to the far bay, hence energy is taken over the time since somebody charges.
    """
    station = replace(window().stations[0], energy_kwh=ENERGY_WH / 1000.0)
    demand = vehicles(60, 20, 900.0)
    cap_mw = np.array([CAP_W / 1e6])
    ours = run_window(window(demand=demand, stations=(station,), p_set_mw=cap_mw, measured_s=END_S - 300.0))
    theirs, time_s = battery_of_sumo(demand, road, tmp_path)
    assert max(ours.stations.queue[0]) > 5
    mean_w = ours.stations.ledger_kwh[0, -1] * 3.6e6 / (END_S - ours.sessions[0].arrive_s)
    assert mean_w == pytest.approx(CAP_W, rel=1e-9)
    assert sum(theirs.values()) * 3600.0 / time_s == pytest.approx(mean_w, rel=0.005)
    whole = [one.vehicle_id for one in ours.sessions if one.reason == "charged"]
    assert len(whole) > 3
    assert [theirs[car] for car in whole[:-1]] == pytest.approx([ENERGY_WH] * (len(whole) - 1), rel=0.01)
