"""OpenDSS feeders: every law that the adapter puts right, against the voltages that OpenDSS itself solves."""

from __future__ import annotations

import numpy as np
import pandapower as pp
import pytest

import adnflex
from adnflex.adapters import from_opendss
from adnflex.errors import InputError
from adnflex.sources import open_net

pytest.importorskip("opendssdirect")

HEAD = "clear\nset defaultbasefreq=60\nnew circuit.f basekv=12.47 pu=1.02 phases=3 bus1=src mvasc3=200 mvasc1=210\n"
TAIL = "\nset voltagebases=[12.47 4.16 0.208]\ncalcvoltagebases\nset mode=snap\nsolve\n"
LINE = "new line.{} bus1={} bus2={} length=2 units=km r1=0.3 x1=0.4 r0=0.6 x0=1.2 c1=10 c0=5 normamps=300\n"


def feeder(tmp_path, body: str, after: str = ""):
    path = tmp_path / "master.dss"
    path.write_text(HEAD + body + TAIL + after)
    return from_opendss(path)


def apart(net) -> float:
    table = net.source_voltages
    return float((table["vm_pu"] - table["source_vm_pu"]).abs().max())


BALANCED = {
    "constant power": "new load.a bus1=c kv=12.47 kw=3000 pf=.9",
    "constant impedance": "new load.a bus1=c kv=12.47 kw=3000 pf=.9 model=2",
    "rated below its base": "new load.a bus1=c kv=12 kw=3000 pf=.9 model=2",
    "reactive power of constant impedance": "new load.a bus1=c kv=12.47 kw=3000 pf=.9 model=3",
    "polynomial": "new load.a bus1=c kv=12.47 kw=3000 pf=.9 model=8 zipv=[.4 0 .6 1 0 0 .5]",
    "delta": "new load.a bus1=c kv=12.47 kw=3000 pf=.9 conn=delta",
    "multiplied": "new load.a bus1=c kv=12.47 kw=1500 pf=.9\nset loadmult=1.5",
    "capacitor of another rating": "new capacitor.k bus1=c kv=13.2 kvar=900",
    "capacitor half on": "new capacitor.k bus1=c kv=12.47 kvar=[600 300] numsteps=2 states=[1 0]",
    "reactor to earth": "new reactor.k bus1=c kv=12.47 kvar=700",
    "reactor in series": "new reactor.k bus1=c bus2=d r=.5 x=2\nnew load.a bus1=d kv=12.47 kw=2000 pf=.9",
    "generator": "new generator.g bus1=c kv=12.47 kw=2500 pf=.95 model=1",
    "sun": "new pvsystem.g bus1=c kv=12.47 kva=2000 pmpp=1800 irradiance=.9",
    "storage": "new storage.s bus1=c kv=12.47 kwrated=900 kwhrated=1800 %stored=60 state=discharging %discharge=80",
    "transformer with losses": "new transformer.t phases=3 windings=2 buses=(c d) conns=(wye wye) kvs=(12.47 4.16) "
    "kvas=(4000 4000) xhl=5 %r=.6 taps=(1 1.03) %noloadloss=.3 %imag=.5\nnew load.a bus1=d kv=4.16 kw=2500 pf=.9",
    "delta wye": "new transformer.t phases=3 windings=2 buses=(c d) conns=(delta wye) kvs=(12.47 4.16) "
    "kvas=(4000 4000) xhl=5 %r=.6\nnew load.a bus1=d kv=4.16 kw=2500 pf=.9",
    "one phase each": "".join(
        f"new line.{p} phases=1 bus1=c.{p} bus2=l{p}.{p} length=1 units=km rmatrix=.8 xmatrix=.9 cmatrix=8\n"
        f"new load.{p} phases=1 bus1=l{p}.{p} kv=7.2 kw=500 pf=.9\n"
        for p in (1, 2, 3)
    ),
    "two phases each": "".join(
        f"new line.{p}{q} phases=2 bus1=c.{p}.{q} bus2=l{p}{q}.{p}.{q} length=1 units=km rmatrix=[.8|.1 .8] "
        f"xmatrix=[.9|.3 .9] cmatrix=[8|-1 8]\nnew load.{p}{q}a phases=1 bus1=l{p}{q}.{p} kv=7.2 kw=250 pf=.9\n"
        f"new load.{p}{q}b phases=1 bus1=l{p}{q}.{q} kv=7.2 kw=250 pf=.9\n"
        for p, q in ((1, 2), (2, 3), (3, 1))
    ),
    "centre taps": "".join(
        f"new transformer.t{p} phases=1 windings=3 buses=(c.{p}.0 h{p}.1.0 h{p}.0.2) kvs=(7.2 .12 .12) "
        f"kvas=(75 75 75) %rs=[.6 1.2 1.2] xhl=2.04 xht=2.04 xlt=1.36\n"
        f"new load.h{p} phases=1 bus1=h{p}.1.2 kv=.24 kw=50 pf=.95\n"
        for p in (1, 2, 3)
    ),
    "regulators in parallel": "".join(
        f"new transformer.r{p} phases=1 windings=2 buses=(c.{p} d.{p}) kvs=(7.2 7.2) kvas=(2000 2000) xhl=1 %r=.1 "
        f"taps=(1 1.05)\n"
        for p in (1, 2, 3)
    )
    + "new load.a bus1=d kv=12.47 kw=3000 pf=.9",
}


@pytest.mark.parametrize("what", BALANCED)
def test_what_is_balanced_has_the_voltages_of_opendss(tmp_path, what):
    net = feeder(tmp_path, LINE.format("l1", "src", "b") + LINE.format("l2", "b", "c") + BALANCED[what])
    assert len(net.source_voltages) == len(net.bus)
    assert apart(net) < 1.5e-3 if what == "two phases each" else apart(net) < 3e-4
    assert net.f_hz == 60


def test_constant_current_is_right_to_first_order(tmp_path):
    net = feeder(tmp_path, LINE.format("l1", "src", "b") + "new load.a bus1=b kv=12.47 kw=4000 pf=.9 model=5")
    assert apart(net) < 1e-3
    assert net.load.p_mw.sum() == pytest.approx(2.0)
    assert net.shunt.p_mw.sum() == pytest.approx(2.0)


RING = LINE.format("l1", "src", "b") + LINE.format("l2", "b", "c") + LINE.format("l3", "src", "c")
LOAD = "new load.a bus1=c kv=12.47 kw=1000 pf=.9\n"


@pytest.mark.parametrize("end", [1, 2])
def test_an_opened_line_has_an_open_switch_at_its_end(tmp_path, end):
    net = feeder(tmp_path, RING + LOAD, f"open line.l3 {end}\nsolve\n")
    row = net.switch.iloc[0]
    line = net.line.loc[row.element]
    assert (row.et, bool(row.closed), line["name"]) == ("l", False, "l3")
    assert row.bus == line["from_bus" if end == 1 else "to_bus"]
    assert apart(net) < 3e-4
    plan = adnflex.reconfigure(net, switchable_lines="all", vm_limits=(0.9, 1.1), workers=1)
    assert adnflex.validate(plan, net).passed
    assert any("OpenDSS" in note for note in plan.notes)


def test_a_line_that_is_not_enabled_is_a_tie_out_of_service(tmp_path):
    net = feeder(tmp_path, RING + LOAD, "line.l3.enabled=no\nsolve\n")
    tie = net.line[net.line["name"] == "l3"].iloc[0]
    same = net.line[net.line["name"] == "l1"].iloc[0]
    columns = ["length_km", "r_ohm_per_km", "x_ohm_per_km", "max_i_ka"]
    assert not tie.in_service
    assert np.allclose(tie[columns].astype(float), same[columns].astype(float))
    assert tie.c_nf_per_km == pytest.approx(same.c_nf_per_km)


@pytest.mark.parametrize("end", [1, 2])
def test_a_switch_that_is_open_at_either_end_is_open(tmp_path, end):
    two = LINE.format("l1", "src", "b") + LINE.format("l3", "src", "c")
    net = feeder(tmp_path, two + "new line.s bus1=b bus2=c switch=yes\n" + LOAD, f"open line.s {end}\nsolve\n")
    assert net.switch.closed.tolist() == [False]
    assert apart(net) < 3e-4


def test_a_bus_called_open_is_the_far_side_of_an_open_point(tmp_path):
    two = LINE.format("l1", "src", "b") + LINE.format("l3", "src", "c")
    net = feeder(tmp_path, two + "new line.s bus1=b bus2=c_open switch=yes\n" + LOAD)
    row, names = net.switch.iloc[0], net.bus["name"]
    assert (names[row.bus], names[row.element], bool(row.closed)) == ("b", "c", False)
    assert "c_open" not in set(names)


def test_regulators_with_different_taps_are_one_of_the_mean(tmp_path):
    regulators = "".join(
        f"new transformer.r{p} phases=1 windings=2 buses=(b.{p} d.{p}) kvs=(7.2 7.2) kvas=(2000 2000) xhl=.01 "
        f"%r=.001 taps=(1 {tap})\n"
        for p, tap in ((1, 1.0), (2, 1.03), (3, 1.06))
    )
    net = feeder(tmp_path, LINE.format("l1", "src", "b") + regulators + LOAD.replace("=c", "=d"))
    assert len(net.trafo) == 1
    assert net.trafo.vn_lv_kv.iloc[0] / net.trafo.vn_hv_kv.iloc[0] == pytest.approx(1.03)
    assert net.trafo.sn_mva.iloc[0] == pytest.approx(6.0)
    assert any("5.83% apart" in note for note in net.import_notes)
    assert apart(net) < 1e-3


FAULTS = {
    "three windings": "new transformer.t phases=3 windings=3 buses=(b c d) kvs=(12.47 4.16 .48) kvas=(1000 1000 1000)",
    "a capacitor in series": "new capacitor.k bus1=b bus2=c kv=12.47 kvar=900",
    "current source": "new isource.i bus1=b amps=10",
    "two sources": "new vsource.second bus1=b basekv=12.47",
    "open in 1 of 3 phases": "new line.x bus1=b bus2=c switch=yes\nopen line.x 1 2",
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_cannot_be_held_is_refused_by_name(tmp_path, what):
    name = FAULTS[what].split()[1].partition(".")[2]
    with pytest.raises(InputError) as caught:
        feeder(tmp_path, LINE.format("l1", "src", "b") + FAULTS[what].replace("\nopen", TAIL + "open"))
    assert any(name in finding for finding in caught.value.findings)


def test_a_file_that_opendss_refuses_is_named_with_its_reason(tmp_path):
    path = tmp_path / "wrong.dss"
    path.write_text(HEAD + "new line.l1 bus1=src bus2=b linecode=nowhere\n" + TAIL)
    with pytest.raises(InputError, match=r"wrong\.dss: OpenDSS cannot run it: .*nowhere"):
        from_opendss(path)
    with pytest.raises(InputError, match="no such file"):
        from_opendss(tmp_path / "none.dss")


def test_coordinates_devices_and_the_command_line(tmp_path):
    body = LINE.format("l1", "src", "b") + BALANCED["storage"].replace("=c", "=b") + "\n" + LOAD.replace("=c", "=b")
    feeder(tmp_path, body)
    (tmp_path / "xy.csv").write_text("src,0,0\nb,3,4\n")
    path = tmp_path / "master.dss"
    path.write_text(path.read_text() + "buscoords xy.csv\n")
    net, label = open_net(str(path))
    assert label == "master.dss"
    assert '"coordinates": [3.0, 4.0]' in net.bus.geo[net.bus.name == "b"].iloc[0]
    storage = net.storage.iloc[0]
    assert storage.p_mw == pytest.approx(-0.72, abs=0.02)
    assert storage.max_e_mwh == pytest.approx(1.8)
    again = pp.from_json_string(pp.to_json(net))
    assert again.import_notes == net.import_notes
