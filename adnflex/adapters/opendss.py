"""OpenDSS feeders: pandapower's converter, and what it drops or bends put right.

The converter (``pandapower.converter.opendss``) compiles and solves the feeder in OpenDSS and builds a balanced net. Of
the circuit that OpenDSS still holds, this package then reads what the converter leaves out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pandapower.auxiliary import pandapowerNet

from adnflex.adapters.imported import existing, finish, require
from adnflex.adapters.opendss_branches import mend_lines, mend_switches, mend_transformers
from adnflex.adapters.opendss_circuit import Circuit
from adnflex.adapters.opendss_power import mend_capacitors, mend_loads, mend_reactors, write_generation
from adnflex.errors import InputError

# Kinds of OpenDSS elements whose effect is in the net.
_MODELLED = frozenset(
    {"line", "transformer", "load", "capacitor", "reactor", "vsource", "generator", "pvsystem", "storage"}
)
# Kinds that act on the solution or watch it; their effect at the solved point is in the net, they are not.
_CONTROLS = frozenset(
    {"regcontrol", "capcontrol", "swtcontrol", "relay", "recloser", "fuse", "invcontrol", "expcontrol"}
    | {"storagecontroller", "gencontroller", "gendispatcher", "espvlcontrol"}
)
_METERS = frozenset({"monitor", "energymeter", "sensor", "fmonitor"})


def from_opendss(path: str | Path) -> pandapowerNet:
    """Read an OpenDSS feeder as a balanced net of pandapower.

    pandapower's own converter makes the net, and this puts right what it drops or bends:

    * ties: a line that is not ``enabled`` is a line out of service; one that is opened at a terminal has an open line
      switch there; a switch is open if either terminal is; a closed switch to a bus called ``X_open`` that nothing else
      touches, where there is a bus X, is an open switch to X;
    * transformers in parallel on different phases (regulators) are one transformer of their mean ratio; ratios are
      those of the windings and their taps, losses without load are kept, a centre tap's impedance is that of both
      halves together;
    * lines of one or two phases have the impedance that gives the same losses and drop in a balanced net;
    * loads depend on voltage as in OpenDSS: the part of constant impedance is a shunt, and a constant current is half
      constant power and half constant impedance, which is the same to first order;
    * generators and PV are ``sgen`` with the power of the solution, storages are ``storage``; capacitors have the steps
      that are switched on, and the voltage of their rating;
    * the grid connection holds the voltage that OpenDSS solves at the source; coordinates are kept.

    What cannot be held is refused by name. ``net.import_notes`` says what was approximated, and ``net.source_voltages``
    has the voltages of AC power flow beside those that OpenDSS solves, by bus.

    Parameters
    ----------
    path : str or Path
        The master file. OpenDSS runs it as a script, which may write files; so read only what you trust.

    Returns
    -------
    pandapowerNet
        A new net. Names are those of OpenDSS.

    Raises
    ------
    InputError
        OpenDSSDirect.py is not installed, OpenDSS cannot run or solve the file, or an element cannot be held in a
        balanced net; one sentence a fault.

    Examples
    --------
    >>> net = from_opendss("IEEE13Nodeckt.dss")  # doctest: +SKIP
    >>> net.source_voltages.round(4).head(1)  # doctest: +SKIP
    """
    master = existing(path)
    require("opendssdirect", "adnflex[opendss]")
    import opendssdirect as dss
    from pandapower.converter.opendss import from_opendss as convert

    here = os.getcwd()
    try:
        net = convert(str(master.resolve()))
    except Exception as error:  # the engine has one class for all it says
        raise InputError(f"{master}: OpenDSS cannot run it: {' '.join(str(error).split())}.") from error
    finally:
        os.chdir(here)
    if not dss.Solution.Converged():
        raise InputError(f"{master}: OpenDSS finds no solution of it; let it solve there first.")
    circuit = Circuit(net, dss)
    notes = _mended(circuit, master)
    voltages = {circuit.buses[name]: values for name, values in circuit.voltages().items() if name in circuit.buses}
    del net["opendss_import"]
    finish(net, "OpenDSS", notes, voltages)
    return net


def _mended(circuit: Circuit, master: Path) -> list[str]:
    """Put the net right; return what was approximated, or raise what cannot be held."""
    findings = [*_kinds(circuit), *_bases(circuit)]
    notes: list[str] = []
    for part in (
        mend_transformers,
        mend_lines,
        mend_switches,
        mend_loads,
        mend_capacitors,
        mend_reactors,
        write_generation,
        _write_source,
        _controls,
    ):
        wrong, told = part(circuit)
        findings += wrong
        notes += told
    if findings:
        raise InputError([f"{master.name}: {finding}" for finding in findings])
    _write_places(circuit)
    circuit.net["f_hz"] = float(circuit.dss.Solution.Frequency())
    return notes


def _kinds(circuit: Circuit) -> list[str]:
    """Name elements whose effect is not in the net."""
    known = _MODELLED | _CONTROLS | _METERS
    return [
        f"{name}: elements of this kind are not read; replace it by one of {', '.join(sorted(_MODELLED))}, or "
        "disable it."
        for name in circuit.enabled
        if name.partition(".")[0].lower() not in known
    ]


def _bases(circuit: Circuit) -> list[str]:
    without = circuit.net.bus.index[~(circuit.net.bus["vn_kv"] > 0)]
    names = ", ".join(circuit.net.bus.loc[without, "name"].astype(str)[:5])
    return [f"bus {names}: no voltage base; set VoltageBases and call CalcVoltageBases."] if len(without) else []


def _controls(circuit: Circuit) -> tuple[list[str], list[str]]:
    acting = [n for n in circuit.enabled if n.partition(".")[0].lower() in _CONTROLS]
    if not acting:
        return [], []
    more = ", ..." if len(acting) > 3 else ""
    return [], [
        f"{len(acting)} controls of OpenDSS ({', '.join(acting[:3])}{more}) stay where its solution put them; they do "
        "not act on another plan."
    ]


def _write_source(circuit: Circuit) -> tuple[list[str], list[str]]:
    """Let the grid connection hold the solved voltage of its bus: OpenDSS has an impedance behind it."""
    net = circuit.net
    sources = circuit.of_kind("Vsource")
    if len(sources) != 1 or len(net.ext_grid) != 1:
        return [f"{', '.join(sources) or 'no Vsource'}: one source is needed, and the rest are not read."], []
    bus = int(net.ext_grid["bus"].iloc[0])
    values = circuit.voltages().get(str(net.bus.at[bus, "name"]).lower(), [])
    if not values:
        return [f"{sources[0]}: its bus has no voltage in the solution."], []
    net.ext_grid["vm_pu"] = sum(values) / len(values)
    return [], ["The impedance of the source is left out: the grid connection holds the voltage solved at its bus."]


def _write_places(circuit: Circuit) -> None:
    """Write coordinates of buses that have them."""
    net = circuit.net
    places: dict[int, str | None] = dict.fromkeys(net.bus.index)
    for name, bus in circuit.buses.items():
        circuit.dss.Circuit.SetActiveBus(name)
        if circuit.dss.Bus.Coorddefined():
            point: dict[str, Any] = {"type": "Point", "coordinates": [circuit.dss.Bus.X(), circuit.dss.Bus.Y()]}
            places[bus] = json.dumps(point)
    if any(places.values()):
        net.bus["geo"] = list(places.values())
