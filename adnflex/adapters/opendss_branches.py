"""Lines, switches and transformers of an OpenDSS circuit as a balanced net has them.

A balanced net has the same current in three phases. What is carried by one or two conductors keeps its losses and its
drop of voltage if its impedance is ``3 / n (z_s + (n - 1) z_m cos θ)`` for n conductors with own and mutual impedance
z_s, z_m and an angle θ between their voltages: 120 degrees, or 180 behind a centre tap.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd

from adnflex.adapters.opendss_circuit import ROOT3, Circuit, bus_of, listed, nodes_of
from adnflex.arrays import FloatArray

# Told by the suffix of a bus that stands for the far side of an open point.
_OPEN_BUS = re.compile(r"(.+)_open")

# Current that OpenDSS assumes where a line gives none [kA].
_ASSUMED_KA = 0.4

# Ends of lines of one or two phases are reduced to these phases.
_PHASES = (1, 2, 3)

_Told = tuple[list[str], list[str]]


def mend_lines(circuit: Circuit) -> _Told:
    """Give lines of few phases their balanced impedance, open what is open, and keep what is not enabled."""
    net, few, findings, opened = circuit.net, 0, [], []
    for index, full in circuit.each("line", "Line"):
        few += _balance(circuit, index)
        where, partly = _open_ends(circuit, full)
        findings += partly
        tokens = circuit.dss.CktElement.BusNames()
        for end in where:
            bus = circuit.buses[bus_of(tokens[end])]
            pp.create_switch(net, bus=bus, element=index, et="l", closed=False, name=str(net.line.at[index, "name"]))
        if where:
            opened.append(str(net.line.at[index, "name"]))
    notes = []
    if few:
        notes.append(
            f"{few} lines have one or two phases; here they have three, with the impedance that gives the same losses "
            "and drop of voltage, and the same current at its limit."
        )
    if opened:
        notes.append(f"Lines open in OpenDSS have an open switch: {listed(opened)}.")
    notes += _ties(circuit)
    assumed = int(np.isclose(net.line["max_i_ka"].to_numpy(dtype=float), _ASSUMED_KA).sum())
    if assumed:
        notes.append(f"{assumed} lines are rated 400 A, which OpenDSS assumes where a line gives no rating.")
    return findings, notes


def mend_switches(circuit: Circuit) -> _Told:
    """Open the switches that are open at either end, and find the far side of open points."""
    net, findings, moved = circuit.net, [], []
    for index, full in circuit.each("switch", "Line"):
        if net.switch.at[index, "et"] != "b":
            continue
        where, partly = _open_ends(circuit, full)
        findings += partly
        net.switch.loc[index, "closed"] = not where
        moved += _far_side(circuit, index)
    notes = (
        [f"Switches to a bus called X_open that nothing else touches are open to X: {listed(moved)}."] if moved else []
    )
    return findings, notes


def _open_ends(circuit: Circuit, full: str) -> tuple[list[int], list[str]]:
    """Return the terminals that are open in all phases, and what is open in some of them."""
    circuit.activate(full)
    element = circuit.dss.CktElement
    where, findings = [], []
    for end in range(element.NumTerminals()):
        states = [bool(element.IsOpen(end + 1, k + 1)) for k in range(element.NumPhases())]
        if all(states):
            where.append(end)
        elif any(states):
            findings.append(f"{full}: open in {sum(states)} of {len(states)} phases; open or close all of them.")
    return where, findings


def _far_side(circuit: Circuit, index: int) -> list[str]:
    """Let a closed switch to a dangling ``X_open`` be an open one to X; return its name."""
    net = circuit.net
    for column in ("bus", "element"):
        bus = int(net.switch.at[index, column])
        name = str(net.bus.at[bus, "name"]).lower()
        meant = _OPEN_BUS.fullmatch(name)
        if meant and meant[1] in circuit.buses and _touching(net, bus) == 1:
            net.switch.loc[index, column] = circuit.buses[meant[1]]
            net.switch.loc[index, "closed"] = False
            net.bus = net.bus.drop(index=bus)
            del circuit.buses[name]
            return [str(net.switch.at[index, "name"])]
    return []


def _touching(net: Any, bus: int) -> int:
    """Count the elements at a bus."""
    ends = (("line", "from_bus"), ("line", "to_bus"), ("trafo", "hv_bus"), ("trafo", "lv_bus"), ("switch", "bus"))
    mine = [int((net[t][c] == bus).sum()) for t, c in (*ends, ("load", "bus"), ("shunt", "bus"), ("ext_grid", "bus"))]
    return sum(mine) + int(((net.switch["element"] == bus) & (net.switch["et"] == "b")).sum())


# --- lines ----------------------------------------------------------------------------------------


def _balance(circuit: Circuit, index: int) -> bool:
    """Write the balanced impedance of a line of one or two phases; say whether it has so few."""
    net, line = circuit.net, circuit.dss.Lines
    bus, nodes = bus_of(line.Bus1()), nodes_of(line.Bus1(), line.Phases())
    n = len([node for node in nodes if node in _PHASES])
    if not 0 < n < len(_PHASES):
        return False
    size = math.isqrt(len(line.RMatrix()))
    z, c = (np.asarray(m, dtype=complex).reshape(size, size) for m in (line.RMatrix(), line.CMatrix()))
    z = z + 1j * np.asarray(line.XMatrix(), dtype=float).reshape(size, size)
    cosine = circuit.angle_between(bus, nodes[:2]) if n == 2 else 0.0
    z1 = len(_PHASES) / n * _along(_reduced(z, n), cosine)
    c1 = n / len(_PHASES) * _along(c[:n, :n], cosine).real
    km_per_unit = float(net.line.at[index, "length_km"]) / line.Length()
    columns = ["r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km"]
    net.line.loc[index, columns] = [z1.real / km_per_unit, z1.imag / km_per_unit, c1 / km_per_unit]
    net.line.loc[index, "max_i_ka"] = n / len(_PHASES) * line.NormAmps() / 1000
    return True


def _reduced(z: Any, n: int) -> Any:
    """Return impedances of the first n conductors with the others grounded."""
    if len(z) <= n:
        return z
    return z[:n, :n] - z[:n, n:] @ np.linalg.solve(z[n:, n:], z[n:, :n])


def _along(matrix: Any, cosine: float) -> complex:
    """Mean of own values and mutual ones, these times the cosine between their phases."""
    n = len(matrix)
    own = complex(np.trace(matrix)) / n
    mutual = (complex(matrix.sum()) - complex(np.trace(matrix))) / (n * (n - 1)) if n > 1 else 0.0
    return own + (n - 1) * mutual * cosine


def _ties(circuit: Circuit) -> list[str]:
    """Write lines that are not enabled as lines out of service, or as open switches."""
    net, kept, lost = circuit.net, [], []
    for full in circuit.of_kind("Line", enabled=False):
        name = full.partition(".")[2]
        circuit.dss.Circuit.Enable(full)  # the engine reads what is enabled only
        circuit.dss.Lines.Name(name)
        ends = [circuit.buses.get(bus_of(token)) for token in circuit.dss.CktElement.BusNames()]
        if None in ends:
            lost.append(name)
        else:
            kept.append(name)
            _write_tie(circuit, name, [int(bus) for bus in ends if bus is not None])
        circuit.dss.Circuit.Disable(full)
    notes = []
    if kept:
        notes.append(
            f"Lines that are not enabled in OpenDSS are out of service here: {listed(kept)} ({len(net.line)} lines)."
        )
    if lost:
        notes.append(
            f"Lines that are not enabled and lead to a bus that nothing else has are left out: {listed(lost)}."
        )
    return notes


def _write_tie(circuit: Circuit, name: str, ends: list[int]) -> None:
    net, line = circuit.net, circuit.dss.Lines
    if line.IsSwitch() or not line.Length() > 0:
        pp.create_switch(net, bus=ends[0], element=ends[1], et="b", closed=False, name=name)
        return
    n = line.Phases()
    z = np.asarray(line.RMatrix()) + 1j * np.asarray(line.XMatrix())
    z1 = _along(_reduced(z.reshape(n, n), min(n, 3)), -0.5)
    index = pp.create_line_from_parameters(
        net, ends[0], ends[1], line.Length(), z1.real, z1.imag,
        _along(np.asarray(line.CMatrix()).reshape(n, n)[:3, :3], -0.5).real, line.NormAmps() / 1000, name=name,
        in_service=False,
    )  # fmt: skip
    _balance(circuit, int(index))


# --- transformers ---------------------------------------------------------------------------------


def mend_transformers(circuit: Circuit) -> _Told:
    """Give transformers the ratio of their windings and taps, their losses without load, and merge those of phases."""
    known = {full for _, full in circuit.each("trafo", "Transformer")}
    findings = [
        f"{full}: windings on more than two buses cannot be held; replace it by transformers of two windings at a "
        "common bus."
        for full in circuit.of_kind("Transformer")
        if full not in known
    ]
    phases: dict[int, tuple[int, ...]] = {}
    for index, _ in circuit.each("trafo", "Transformer"):
        tokens = circuit.dss.CktElement.BusNames()
        count = circuit.dss.CktElement.NumPhases()
        if count < len(_PHASES):
            phases[index] = nodes_of(tokens[0], count)
        _write_windings(circuit, index, tokens)
    return findings, _merged(circuit, phases)


def _write_windings(circuit: Circuit, index: int, tokens: list[str]) -> None:
    """Write rated voltages at the solved taps, impedance and losses of one transformer."""
    net, trafo = circuit.net, circuit.dss.Transformers
    row = net.trafo.loc[index]
    high = str(net.bus.at[int(row["hv_bus"]), "name"]).lower()
    sides: dict[str, list[int]] = {"hv": [], "lv": []}
    for k, token in enumerate(tokens):
        sides["hv" if bus_of(token) == high else "lv"].append(k)
    for side, windings in sides.items():
        net.trafo.loc[index, f"vn_{side}_kv"] = _line_to_line(circuit, tokens, windings[0])
    percent: FloatArray = np.array([_of_winding(circuit, k, "R") for k in range(trafo.NumWindings())], dtype=float)
    if trafo.NumWindings() == 3:
        hl, ht, lt = trafo.Xhl(), trafo.Xht(), trafo.Xlt()
        tapped = next(windings for windings in sides.values() if len(windings) == 2)
        alone = 3 - sum(tapped)
        star = {0: (hl + ht - lt) / 2, 1: (hl + lt - ht) / 2, 2: (ht + lt - hl) / 2}
        resistance = percent[alone] + percent[tapped].mean() / 2
        reactance = star[alone] + np.mean([star[k] for k in tapped]) / 2
        net.trafo.loc[index, "vkr_percent"] = resistance
        net.trafo.loc[index, "vk_percent"] = math.hypot(resistance, reactance)
    idle, magnetising = (float(_property(circuit, name)) for name in ("%noloadloss", "%imag"))
    net.trafo.loc[index, "pfe_kw"] = idle / 100 * 1000 * float(row["sn_mva"])
    net.trafo.loc[index, "i0_percent"] = math.hypot(idle, magnetising)


def _property(circuit: Circuit, name: str) -> str:
    """Ask for a property of the active element."""
    circuit.dss.Text.Command(f"? {circuit.dss.CktElement.Name()}.{name}")
    return str(circuit.dss.Text.Result())


def _of_winding(circuit: Circuit, winding: int, what: str) -> float:
    circuit.dss.Transformers.Wdg(winding + 1)
    return float(getattr(circuit.dss.Transformers, what)())


def _line_to_line(circuit: Circuit, tokens: list[str], winding: int) -> float:
    """Voltage between phases that the winding makes at its tap [kV]."""
    kv = _of_winding(circuit, winding, "kV") * _of_winding(circuit, winding, "Tap")
    count = circuit.dss.CktElement.NumPhases()
    if count > 1 or len(nodes_of(tokens[winding], count)) > 1:
        return kv
    return ROOT3 * kv


def _merged(circuit: Circuit, phases: dict[int, tuple[int, ...]]) -> list[str]:
    """Make one transformer of those in parallel on different phases."""
    net, notes = circuit.net, []
    single = net.trafo.loc[list(phases)]
    for _, rows in single.groupby(["hv_bus", "lv_bus"]):
        if len(rows) < 2 or len({phases[int(i)] for i in rows.index}) < len(rows):
            continue
        notes.append(_one_of(net, rows))
        circuit.drop("trafo", [int(i) for i in rows.index[1:]])
    return notes


def _one_of(net: Any, rows: pd.DataFrame) -> str:
    """Write the transformer that stands for several into the first of their rows; say how far they are apart."""
    first, size = rows.index[0], rows["sn_mva"].to_numpy(dtype=float)
    for column in ("vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent", "i0_percent"):
        net.trafo.loc[first, column] = float(np.average(rows[column].to_numpy(dtype=float), weights=size))
    net.trafo.loc[first, ["sn_mva", "pfe_kw"]] = [size.sum(), rows["pfe_kw"].sum()]
    names = listed(rows["name"])
    net.trafo.loc[first, "name"] = "+".join(map(str, rows["name"]))
    ratio = (rows["vn_lv_kv"] / rows["vn_hv_kv"]).to_numpy(dtype=float)
    spread = (ratio.max() - ratio.min()) / ratio.mean()
    return (
        f"Transformers {names} are in parallel on different phases, and one of their mean ratio here; theirs are "
        f"{spread:.2%} apart."
    )
