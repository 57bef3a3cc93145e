"""Two feeders whose reliability is known: one worked by hand, and bus 2 of the Roy Billinton Test System.

Bus 2: lengths, customers, average loads and component data of R. N. Allan et al., IEEE Transactions on Power Systems
6(2), 1991, pp. 813-820, as they stand in three open implementations that agree (Extended-RELRAD, RELRAD-software and
relsad on GitHub). The source gives no impedances: those here are made up, and so small that no limit is near.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import pandapower as pp
from pandapower.auxiliary import pandapowerNet

# section: from, to, length [km]; sections to a load point (LP…) are laterals behind a fuse
BUS_2 = """
S1 BUS11 N1 .75 | S2 N1 LP1 .6  | S3 N1 LP2 .8  | S4 N1 N2 .75 | S5 N2 LP3 .8 | S6 N2 LP4 .6 | S7 N2 N3 .75
S8 N3 LP5 .8 | S9 N3 LP6 .75 | S10 N3 N4 .6 | S11 N4 LP7 .8
S12 BUS11 N5 .75 | S13 N5 LP8 .8 | S14 N5 N6 .6 | S15 N6 LP9 .8
S16 BUS11 N7 .75 | S17 N7 LP10 .6 | S18 N7 N8 .8 | S19 N8 LP11 .75 | S20 N8 LP12 .8 | S21 N8 N9 .6
S22 N9 LP13 .75 | S23 N9 LP14 .8 | S24 N9 N10 .75 | S25 N10 LP15 .6
S26 BUS11 N11 .8 | S27 N11 LP16 .75 | S28 N11 LP17 .6 | S29 N11 N12 .75 | S30 N12 LP18 .6 | S31 N12 LP19 .8
S32 N12 N13 .75 | S33 N13 LP20 .8 | S34 N13 N14 .6 | S35 N14 LP21 .75 | S36 N14 LP22 .8
"""
# customers and average load [MW] of each kind, and the load points of it; small users are supplied at 11 kV
BUS_2_LOADS = (
    (210, 0.535, (1, 2, 3, 10, 11)),
    (200, 0.45, (12, 17, 18, 19)),
    (1, 0.566, (4, 5, 13, 14, 20, 21)),
    (10, 0.454, (6, 7, 15, 16, 22)),
    (1, 1.0, (8,)),
    (1, 1.15, (9,)),
)
AT_11_KV = {"LP8", "LP9"}
TIES = (("N4", "N6"), ("N10", "N14"))

WORKED = "M1 SRC N1 1 | M2 N1 N2 2 | M3 N2 N3 1 | M4 N3 N4 3 | T1 N1 LP1 .5 | T2 N2 LP2 1 | T3 N3 LP3 1.5 | T4 N4 LP4 1"
WORKED_LOADS = ((100, 0.4, (1,)), (50, 0.2, (2,)), (25, 0.3, (3,)), (25, 0.1, (4,)))


@dataclass(frozen=True)
class Case:
    """What equipment there is, and how long a transformer takes [h]."""

    disconnects: bool = True
    fuses: bool = True
    ties: bool = True
    transformer_h: float = 200.0


#: The six cases of bus 2.
CASES = {
    "A": Case(),
    "B": Case(disconnects=False, fuses=False, ties=False),
    "C": Case(disconnects=False, ties=False),
    "D": Case(fuses=False),
    "E": Case(transformer_h=10.0),
    "F": Case(fuses=False, ties=False),
}


def bus_2(case: Case, tie_ka: float = 10.0) -> pandapowerNet:
    """Bus 2 with the equipment of a case; its ties may be narrow."""
    net = deepcopy(_bus_2())
    lost = [kind for kind, there in (("FUSE", case.fuses), ("DS", case.disconnects), ("LBS", case.ties)) if not there]
    net.switch = net.switch[~net.switch["type"].isin(lost)]
    net.line.loc[net.line["name"] == "tie", "max_i_ka"] = tie_ka
    if not case.ties:
        net.line = net.line[net.line["name"] != "tie"]
    net.trafo["repair_hours"] = case.transformer_h
    return net


@cache
def _bus_2() -> pandapowerNet:
    return _built(BUS_2, BUS_2_LOADS, AT_11_KV, TIES, Case(), {"line": (0.065, 5.0), "trafo": 0.015})


def worked(ties: bool = True, tie_ka: float = 10.0) -> pandapowerNet:
    """The feeder that was worked by hand; its tie may be narrow."""
    ends = (("N4", "SRC"),)
    case = Case(ties=ties, transformer_h=100.0)
    return _built(WORKED, WORKED_LOADS, {"LP2"}, ends, case, {"line": (0.1, 4.0), "trafo": 0.01}, tie_ka)


def _built(sections, loads, at_11_kv, ties, case, rates, tie_ka=10.0):
    net = pp.create_empty_network(name="reliability")
    at: dict[str, int] = {}

    def bus(name: str, kv: float = 11.0) -> int:
        return at[name] if name in at else at.setdefault(name, pp.create_bus(net, kv, name=name))

    def line(name: str, a: int, b: int, km: float, ka: float = 10.0) -> int:
        return pp.create_line_from_parameters(net, a, b, km, 1e-4, 1e-4, 0.0, ka, name=name)

    for text in sections.replace("\n", "|").split("|"):
        if not text.strip():
            continue
        name, start, end, km = text.split()
        if not at:
            pp.create_ext_grid(net, bus(start))
            source = start
        lateral = end.startswith("LP")
        far = bus(f"{end} 11 kV") if lateral and end not in at_11_kv else bus(end)
        index = line(name, at[start], far, float(km))
        if lateral and case.fuses:
            pp.create_switch(net, at[start], index, "l", type="FUSE")
        elif start == source:
            pp.create_switch(net, at[start], index, "l", type="CB")
        elif not lateral and case.disconnects:
            pp.create_switch(net, at[start], index, "l", type="DS")
        if lateral and end not in at_11_kv:
            pp.create_transformer_from_parameters(
                net, far, bus(end, 0.415), 100.0, 11.0, 0.415, 1e-6, 1e-4, 0.0, 0.0, name=end
            )
    for a, b in ties if case.ties else ():
        index = line("tie", at[a], at[b], 1.0, tie_ka)
        pp.create_switch(net, at[a], index, "l", closed=False, type="LBS")
        net.line.loc[index, ["failures_per_km_year"]] = 0.0
    for customers, mw, points in loads:
        for k in points:
            pp.create_load(net, at[f"LP{k}"], mw, 0.0, name=f"LP{k}")
            net.load.loc[net.load.index[-1], "customers"] = customers
    net.load["average_mw"] = net.load["p_mw"]
    per_km, repair = rates["line"]
    net.line["failures_per_km_year"] = net.line["failures_per_km_year"].fillna(per_km) if case.ties else per_km
    net.line["repair_hours"], net.line["switching_hours"] = repair, 1.0
    net.trafo["failures_per_year"], net.trafo["repair_hours"] = rates["trafo"], case.transformer_h
    net.trafo["switching_hours"] = 1.0
    net.line["max_loading_percent"] = net.trafo["max_loading_percent"] = 100.0
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.9, 1.1
    return net
