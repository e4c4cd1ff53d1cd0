"""OpenDSS circuits: read right by OpenDSS's own answer and by closed forms, or refused by name."""

import re
import sys
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest

from cosim.errors import DependencyError, InputError
from cosim.grid.formats.opendss_net import net_of_dss
from cosim.grid.formats.pandapower_net import net_of_json, stored
from cosim.grid.formats.sequence import alike, directions, series_impedance, shunt_admittance
from cosim.grid.reduction.own_net import reduced
from cosim.grid.reduction.source_proof import IMPORTED
from cosim.workflows.check_net import check_net

FILES = Path(__file__).parent / "opendss"


@pytest.fixture
def changed(tmp_path):
    """Write a shipped circuit with commands before its `set voltagebases`, and read it."""

    def write(name, *commands, without="", after=()):
        text = (FILES / f"{name}.dss").read_text(encoding="utf-8")
        kept = [line for line in text.splitlines() if not (without and re.search(without, line))]
        at = next(k for k, line in enumerate(kept) if line.startswith("set voltagebases"))
        path = tmp_path / f"{name}.dss"
        path.write_text("\n".join([*kept[:at], *commands, *kept[at:], *after]) + "\n", encoding="utf-8")
        return path

    return write


def read(path, **how):
    net, told = net_of_dss(path)
    return net, reduced(net, name=path.name, told=told, **how)


def lost_kw(found, net):
    """Losses of all elements but the source's impedance."""
    rows, flows = found.table.rows, found.proof.flows
    source = [(one.kind, one.index) for one in rows.elements].index(("line", net[IMPORTED]["source_line"]))
    return 1000.0 * (flows.loss_mw - flows.row_power_mva[source].sum().real)


CLOSED = {
    "a line": ("line", (), "b", 0.960691, 69.0737),
    "with generation at its end": (
        "line", ("new generator.pv bus1=b phases=3 kv=10 kw=1500 pf=1 model=1",), "b", 0.984768, 7.7338,
    ),
    "a transformer whose rating is not its bus's": ("station", (), "c", 1.035117, 1.74924),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(changed, name):
    file, commands, bus, vm_pu, loss_kw = CLOSED[name]
    net, found = read(changed(file, *commands))
    assert found.vm_pu[net.bus.index[net.bus.name == bus][0]] == pytest.approx(vm_pu, abs=1e-6)
    assert lost_kw(found, net) == pytest.approx(loss_kw, abs=1e-4)


def test_generation_that_is_not_carried_is_seen(changed):
    net, _ = read(changed("line", "new generator.pv bus1=b phases=3 kv=10 kw=1500 pf=1 model=1"))
    net.sgen = net.sgen.iloc[:0]
    with pytest.raises(InputError, match=r"'b'.*not what OpenDSS .* solved: 0.024 pu off at bus 'b'.*source power"):
        reduced(net, name="line.dss")


@pytest.mark.parametrize("hertz", [50, 60])
def test_levels_loads_and_shunts_of_every_kind_are_those_of_opendss(changed, hertz):
    path = changed("levels")
    path.write_text(path.read_text().replace("frequency=50", f"frequency={hertz}"), encoding="utf-8")
    net, found = read(path)
    source = found.source
    assert source.uneven == {}
    assert source.three_phase.buses == 7
    assert source.three_phase.largest_pu < 1e-6
    assert source.p_mw[0] == pytest.approx(source.p_mw[1], abs=1e-5)
    assert source.loss_mw[0] == pytest.approx(source.loss_mw[1], abs=1e-5)
    assert source.points < 1e-4
    assert [(one.kind, one.number) for one in found.balance.carried] == [
        ("line", 5), ("trafo", 3), ("load", 6), ("sgen", 2), ("storage", 1), ("shunt", 3),
    ]  # fmt: skip
    assert found.balance.merged == ("trafo 0 't1' + trafo 1 't2'",)
    told = "\n".join(found.remarks)
    for words in ("line 'tie' is open at mv", "multiplier 1.1 is applied", "1 generator give", "1 pvsystem give"):
        assert words in told


def test_taps_are_taps_and_ratings_are_kept(changed):
    net, _ = net_of_dss(changed("levels"))
    first, last = net.trafo.iloc[0], net.trafo.iloc[2]
    assert (first.tap_side, first.tap_pos, first.tap_step_percent, first.tap_min, first.tap_max) == (
        "lv", 1, pytest.approx(1.25), -8, 8,
    )  # fmt: skip
    assert (last.tap_side, last.tap_pos, last.tap_step_percent) == ("hv", -4, pytest.approx(0.625))
    assert first.max_loading_percent == pytest.approx(110.0)
    assert net.line.max_i_ka.tolist()[1:4] == [0.32] * 3


def test_one_and_two_phases_only_as_balanced_equivalents(changed):
    path = changed("regulators")
    with pytest.raises(InputError, match=r"4 transformer of 1 phase.*--balanced takes that equivalent"):
        read(path)
    net, found = read(path, balanced=True)
    assert found.source.three_phase.largest_pu < 2e-4
    assert found.source.fewer.buses == 3
    assert found.source.fewer.largest_pu < 2e-3
    assert found.source.p_mw[0] == pytest.approx(found.source.p_mw[1], rel=1e-3)
    assert found.source.loss_mw[0] == pytest.approx(found.source.loss_mw[1], rel=0.03)
    bank = net.trafo[net.trafo.name == "rega+regb+regc"].iloc[0]
    assert bank.sn_mva == pytest.approx(7.5)
    assert bank.tap_pos * bank.tap_step_percent == pytest.approx(2.5)
    assert (bank.tap_min, bank.tap_max) == (-48, 48)


def test_a_jumper_across_an_open_delta_bank_is_its_third_phase(changed):
    taken = r"transformer.reg[abc]"
    delta = "phases=1 windings=2 conns=(delta delta) kvs=(12.47 12.47) kvas=(2500 2500) xhl=1"
    path = changed(
        "regulators", f"new transformer.rega buses=(head.1.2 mv.1.2) {delta} taps=(1 1.025)",
        f"new transformer.regc buses=(head.3.2 mv.3.2) {delta} taps=(1 1.025)",
        "new line.jumper phases=1 bus1=head.2 bus2=mv.2 r1=1e-3 x1=0 r0=1e-3 x0=0 c1=0 c0=0", without=taken,
    )  # fmt: skip
    _, found = read(path, balanced=True)
    assert found.source.three_phase.largest_pu < 5e-3
    assert any("'jumper' lies across a bank" in remark for remark in found.remarks)


def test_losses_of_a_part_are_those_of_its_phases():
    """With equal currents in p phases, 3 I1 = p I; of three it is the positive sequence."""
    z = np.array([[0.4 + 0.9j, 0.1 + 0.3j, 0.12 + 0.31j], [0.1 + 0.3j, 0.42 + 0.8j, 0.11 + 0.2j],
                  [0.12 + 0.31j, 0.11 + 0.2j, 0.41 + 0.85j]])  # fmt: skip
    turn = np.exp(-2j * np.pi / 3) ** np.arange(3)
    for kept in ([0], [0, 1], [1, 2], [0, 1, 2]):
        part, u, p = z[np.ix_(kept, kept)], turn[kept], len(kept)
        first = series_impedance(np.linalg.inv(part), list(u))
        assert 3 * (p / 3) ** 2 * first == pytest.approx(np.conj(u) @ part @ u)
        assert 3 * shunt_admittance(part, list(u)) == pytest.approx(np.conj(u) @ part @ u)
    a = np.exp(2j * np.pi / 3)
    to_phases = np.array([[1, 1, 1], [1, a**2, a], [1, a, a**2]])
    sequence = np.linalg.inv(to_phases) @ z @ to_phases
    assert series_impedance(np.linalg.inv(z), list(turn)) == pytest.approx(sequence[1, 1])
    assert not alike(z)
    assert alike(np.array([[2.0, 0.5], [0.5, 2.0]], dtype=complex))


def test_directions_are_those_of_phases_that_float():
    unit = np.exp(-2j * np.pi / 3) ** np.arange(3)
    found = directions(dict(zip((1, 2, 3), unit * 2400.0 * np.exp(0.3j) + 1900.0 - 700.0j, strict=True)))
    assert list(found.values()) == pytest.approx(list(unit))
    assert directions({4: 3.0 + 0.0j}) == {}


REFUSED = {
    "a second source": (("new vsource.v bus1=b basekv=10 phases=3",), r"vsource 'v'.*second source.*disable it"),
    "a series capacitor": (
        ("new line.m bus1=b bus2=c phases=3", "new capacitor.s bus1=c bus2=d phases=3 kv=10 kvar=100"),
        r"capacitor 's'.*series capacitor",
    ),
    "a class that is not carried": (("new isource.i bus1=b phases=3 amps=1",), r"isource 'i'.*class is not carried"),
    "one open phase": (("open line.l 2 1",), r"line 'l'.*only 1 of 3 phases are open"),
    "three windings at three buses": (
        ("new transformer.w phases=3 windings=3 buses=(b c d) kvs=(10 5 1) kvas=(100 100 100)",),
        r"transformer 'w'.*three windings at three buses",
    ),
    "a load that follows no power of the voltage": (
        ("new load.m bus1=b phases=3 kv=10 kw=10 model=4 cvrwatts=0.7",), r"load 'm'.*model 4 has no shares",
    ),
    "more than it can carry": (("edit load.d kw=90000",), r"no state as they are declared; below.*OpenDSS serves"),
    "other nodes than those of three phases": (
        ("new line.m phases=3 bus1=b.4.5.6 bus2=c.1.2.3",), r"line 'm'.*its 3 phases are at nodes 4.5.6 of bus 'b'",
    ),
    "a ring": (
        ("new line.m bus1=b bus2=c phases=3 r1=1 x1=1 r0=1 x0=1 c1=0 c0=0 length=1",
         "new line.n bus1=c bus2=a phases=3 r1=1 x1=1 r0=1 x0=1 c1=0 c0=0 length=1"),
        r"a ring of 3 branches.*line \d '[lmn]'.*; open one of them in the .dss file: open line.NAME 1",
    ),
    "what OpenDSS does not know": (("new banana.x bus1=b",), r"OpenDSS does not take it:.*banana"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(changed, name):
    commands, message = REFUSED[name]
    with pytest.raises(InputError) as refused:
        read(changed("line", *commands))
    assert re.search(message, str(refused.value)), str(refused.value)


def test_buses_without_a_base_are_refused(changed):
    with pytest.raises(InputError, match=r"has no voltage base; set voltagebases and calcvoltagebases"):
        read(changed("line", without="calcvoltagebases"))


def test_a_file_without_a_circuit_and_none_at_all(tmp_path):
    (tmp_path / "codes.dss").write_text("! line codes\n", encoding="utf-8")
    with pytest.raises(InputError, match="makes no circuit"):
        net_of_dss(tmp_path / "codes.dss")
    with pytest.raises(InputError, match="is not a file"):
        net_of_dss(tmp_path / "nothing.dss")


def test_loads_below_their_vminpu_count_in_full_and_that_is_said(changed):
    _, found = read(changed("line", "edit load.d kw=4000"))
    served = [remark for remark in found.remarks if "OpenDSS serves" in remark]
    assert re.match(r"OpenDSS serves 3\.\d+ MW of the loads' 4 MW", served[0])
    assert found.source.p_mw[0] == pytest.approx(found.source.p_mw[1], rel=1e-7)


def test_the_last_hour_of_a_day_is_not_what_is_read(changed):
    shape = "new loadshape.day npts=2 interval=1 mult=(0.1 0.2)"
    path = changed("line", shape, "edit load.d daily=day", after=("set mode=daily number=2", "solve"))
    _, found = read(path)
    assert any("ends in mode Daily; its snapshot" in remark for remark in found.remarks)
    assert found.balance.carried[-1].p_mw == pytest.approx(2.0)


def test_the_net_is_stored_with_the_answer_and_proved_again(tmp_path):
    checked = check_net("opendss", str(FILES / "regulators.dss"), balanced=True)
    path = tmp_path / "net.json"
    path.write_text(stored(checked.read), encoding="utf-8")
    again = check_net("pandapower", str(path))
    assert again.net.vm_pu == pytest.approx(checked.net.vm_pu, abs=1e-12)
    assert again.net.source.three_phase == checked.net.source.three_phase
    net, _ = net_of_json(path)
    net.load.loc[0, "p_mw"] *= 2.0
    with pytest.raises(InputError, match=r"not what OpenDSS .* solved"):
        reduced(net, name="net.json")


def by_pandapower(share=0.0, single=0):
    """Return a net with the marks of pandapower's converter."""
    net = pp.create_empty_network()
    pp.create_buses(net, 2, 10.0, name=["A", "b"])
    pp.create_ext_grid(net, 0)
    pp.create_line_from_parameters(net, 0, 1, 5.0, 0.3, 0.3, 0.0, 0.3)
    pp.create_load(net, 1, 2.0, 0.5)
    net[IMPORTED] = {
        "vm_pu_opendss": {"a": 1.0, "b": 0.960691 + share}, "bus_phases": {"a": 3, "b": 3},
        "single_phase_lines": single, "two_phase_lines": 0,
    }  # fmt: skip
    return net


def test_what_pandapowers_converter_brings_is_compared():
    assert reduced(by_pandapower(), name="net").source.three_phase.largest_pu < 1e-6
    with pytest.raises(InputError, match=r"field 'b'.*0.006 pu off at bus 'b'.*cosim import opendss"):
        reduced(by_pandapower(share=0.006), name="net")
    with pytest.raises(InputError, match=r"1 line of 1 phase.*--balanced"):
        reduced(by_pandapower(single=1), name="net")
    empty = by_pandapower()
    empty[IMPORTED]["vm_pu_opendss"] = {}
    with pytest.raises(InputError, match="left no voltages in it: it did not converge"):
        reduced(empty, name="net")


def test_an_opened_line_is_not_what_opendss_solved(changed):
    with pytest.raises(InputError, match=r"OpenDSS solved it with this closed; open it in the .dss file"):
        read(changed("line"), opened=["l"])


def test_without_the_engine_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dss", None)
    with pytest.raises(DependencyError, match=r"pip install 'cosim-ptn\[opendss\]'"):
        net_of_dss(FILES / "line.dss")
