"""What takes and gives power in an OpenDSS circuit: loads by their law, capacitors, reactors, generation, storages."""

from __future__ import annotations

import math

import pandapower as pp

from adnflex.adapters.opendss_circuit import ROOT3, Circuit, bus_of, listed, nodes_of

_Told = tuple[list[str], list[str]]

# Exponents of voltage of active and reactive power, by OpenDSS's number of the model (4 has its own, 8 a polynomial).
_EXPONENTS: dict[int, tuple[float, float]] = {
    1: (0, 0),
    2: (2, 2),
    3: (0, 2),
    5: (1, 1),
    6: (0, 0),
    7: (0, 2),
}


def mend_loads(circuit: Circuit) -> _Told:
    """Split loads into constant power and constant impedance, as their law has it around rated voltage."""
    net, findings, as_shunt, bent = circuit.net, [], 0, 0
    gone = []
    for index, full in circuit.each("load", "Load"):
        load = circuit.dss.Loads
        shares = _impedance_shares(circuit)
        if shares is None:
            findings.append(f"{full}: model {load.Model()} is not read; give 1 to 8.")
            continue
        bent += any(share not in (0, 1) for share in shares)
        token = circuit.dss.CktElement.BusNames()[0]
        power = [float(net.load.at[index, c]) * circuit.dss.Solution.LoadMult() for c in ("p_mw", "q_mvar")]
        net.load.loc[index, ["p_mw", "q_mvar"]] = [p * (1 - z) for p, z in zip(power, shares, strict=True)]
        if any(p * z for p, z in zip(power, shares, strict=True)):
            as_shunt += 1
            pp.create_shunt(
                net, int(net.load.at[index, "bus"]), p_mw=power[0] * shares[0], q_mvar=power[1] * shares[1],
                vn_kv=_rated(circuit, token, load.kV(), load.Phases()), name=str(net.load.at[index, "name"]),
            )  # fmt: skip
            if all(z == 1 or not p for p, z in zip(power, shares, strict=True)):
                gone.append(index)
    circuit.drop("load", gone)
    notes = []
    if as_shunt:
        notes.append(f"The part of constant impedance of {as_shunt} loads is a shunt of the same name.")
    if bent:
        notes.append(
            f"{bent} loads of constant current or of another power of voltage are of first order around rated voltage."
        )
    return findings, notes


def _impedance_shares(circuit: Circuit) -> tuple[float, float] | None:
    """Parts of active and of reactive power that are of constant impedance; None for a model that is not known."""
    load = circuit.dss.Loads
    model = int(load.Model())
    if model == 4:
        exponents = (load.CVRwatts(), load.CVRvars())
    elif model == 8:
        z = load.ZipV()
        return float(z[0] + z[1] / 2), float(z[3] + z[4] / 2)
    elif model in _EXPONENTS:
        exponents = _EXPONENTS[model]
    else:
        return None
    return exponents[0] / 2, exponents[1] / 2


def _rated(circuit: Circuit, token: str, kv: float, phases: int) -> float:
    """Voltage between phases of a balanced bus at which an element of rated voltage kv has its power [kV]."""
    nodes = nodes_of(token, phases)
    if phases > 1:
        return kv
    if len(nodes) < 2:
        return ROOT3 * kv
    return ROOT3 * kv / math.sqrt(2 - 2 * circuit.angle_between(bus_of(token), nodes[:2]))


def mend_capacitors(circuit: Circuit) -> _Told:
    """Give capacitors their steps and rated voltage, and refuse those in series."""
    net, findings, off = circuit.net, [], []
    for index, full in circuit.each("shunt", "Capacitor"):
        bank = circuit.dss.Capacitors
        tokens = circuit.dss.CktElement.BusNames()
        if len(tokens) > 1 and bus_of(tokens[1]) != bus_of(tokens[0]):
            findings.append(f"{full}: a capacitor in series is not read; write it as a line of negative reactance.")
            continue
        states = [s > 0 for s in bank.States()]
        if not any(states):
            off.append(full)
        net.shunt.loc[index, "q_mvar"] = -bank.kvar() / 1000 / len(states)
        net.shunt.loc[index, "vn_kv"] = _rated(circuit, tokens[0], bank.kV(), circuit.dss.CktElement.NumPhases())
        net.shunt.loc[index, "step"], net.shunt.loc[index, "max_step"] = sum(states), len(states)
    return findings, [f"Capacitors switched off in the solution: {listed(off)}."] if off else []


def mend_reactors(circuit: Circuit) -> _Told:
    """Write reactors to earth as shunts of what they take as solved, and balance those in series of few phases."""
    net = circuit.net
    for full in circuit.of_kind("Reactor"):
        circuit.activate(full)
        tokens = circuit.dss.CktElement.BusNames()
        if len(tokens) > 1 and bus_of(tokens[1]) != bus_of(tokens[0]):
            continue
        bus = bus_of(tokens[0])
        p, q = (x / 1000 for x in circuit.dss.CktElement.TotalPowers()[:2])
        values = circuit.voltages().get(bus)
        if values and math.hypot(p, q) > 1e-9:
            square = (sum(values) / len(values)) ** 2
            pp.create_shunt(net, circuit.buses[bus], q_mvar=q / square, p_mw=p / square, name=full.partition(".")[2])
    for index, _ in circuit.each("line", "Reactor"):
        factor = 3 / min(3, circuit.dss.CktElement.NumPhases())
        net.line.loc[index, ["r_ohm_per_km", "x_ohm_per_km"]] *= factor
    return [], []


def write_generation(circuit: Circuit) -> _Told:
    """Write generators, PV and storages at the power of the solution."""
    net, made = circuit.net, []
    for kind in ("Generator", "PVSystem", "Storage"):
        for full in circuit.of_kind(kind):
            circuit.activate(full)
            bus = circuit.buses[bus_of(circuit.dss.CktElement.BusNames()[0])]
            p, q = (x / 1000 for x in circuit.dss.CktElement.TotalPowers()[:2])
            name, rated = full.partition(".")[2], _number(circuit, full, "kva") / 1000
            made.append(full)
            if kind != "Storage":
                pp.create_sgen(
                    net, bus, p_mw=-p, q_mvar=-q, sn_mva=rated, name=name, type="PV" if kind == "PVSystem" else None
                )
                continue
            energy, reserve = _number(circuit, full, "kwhrated") / 1000, _number(circuit, full, "%reserve")
            pp.create_storage(
                net, bus, p_mw=p, q_mvar=q, max_e_mwh=energy, sn_mva=rated, name=name,
                soc_percent=_number(circuit, full, "%stored"), min_e_mwh=energy * reserve / 100,
            )  # fmt: skip
    text = "Generators, PV and storages give what they give in the solution; pandapower's converter leaves them out"
    return [], [f"{text}: {listed(made)}."] if made else []


def _number(circuit: Circuit, full: str, name: str) -> float:
    circuit.dss.Text.Command(f"? {full}.{name}")
    return float(circuit.dss.Text.Result())
