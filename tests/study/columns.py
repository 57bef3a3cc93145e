"""One net with one of every device, and what every verb knows of it; for the table "column by verb"."""

from __future__ import annotations

import copy
import functools
from dataclasses import replace

import numpy as np
import pandapower as pp
import pandas as pd

from adnflex.devices import Storage
from adnflex.errors import InputError
from adnflex.knobs import Horizon, Limits
from adnflex.problems.flexibility.study import read_flexibility_study
from adnflex.problems.flexibility.wishes import Wishes
from adnflex.problems.region.reading import RegionJob
from adnflex.problems.rolling import RollingCase
from adnflex.problems.rolling.hours import Hours, sites_of
from adnflex.problems.rolling.positions import Positions
from adnflex.study import read_study
from tests.problems.rolling.small import Steady

VERBS = ("dispatch", "flexibility", "pq_region", "schedule_rolling")
# C: counts; R: refused by name; N: noted; -: without effect, because the verb reads no prices ("Prices" in
# docs/devices.md), keeps every position where it is, runs one period alone, or has said of the element as a whole
# that it is no decision.
TABLE = """
ext_grid vm_pu                            1.01     R R R R
ext_grid min_p_mw                         -1.0     C C C C
ext_grid max_p_mw                         1.0      C C C C
ext_grid min_q_mvar                       -1.0     C C C C
ext_grid max_q_mvar                       1.0      C C C C
ext_grid price_per_mwh                    70.0     C - - C
ext_grid sell_price_per_mwh               20.0     C - - N
ext_grid co2_kg_per_mwh                   500.0    C - C N
ext_grid controllable                     False    C N C C
ext_grid tap_pos                          1.0      R R R R
ext_grid tap_min                          -1.0     C - C C
ext_grid tap_max                          1.0      C - C C
ext_grid tap_neutral                      1.0      R R R R
ext_grid tap_step_percent                 2.0      C - C C
ext_grid max_moves_per_day                1.0      C - C C
ext_grid cost_per_move                    3.0      C - - C
trafo    controllable                     False    C N C C
trafo    tap_pos                          1        C C C C
trafo    tap_min                          -1       C - C C
trafo    tap_max                          1        C - C C
trafo    tap_neutral                      1        C C C C
trafo    tap_step_percent                 2.0      C - C C
trafo    tap_side                         'lv'     C - C C
trafo    tap_changer_type                 'Ideal'  R R R R
trafo    max_moves_per_day                1.0      C - C C
trafo    cost_per_move                    3.0      C - - C
shunt    controllable                     False    C N C C
shunt    step                             2        C C C C
shunt    max_step                         2        C - C C
shunt    min_step                         1.0      C - C C
shunt    q_mvar                           -0.2     C C C C
shunt    p_mw                             0.1      C C C C
shunt    vn_kv                            21.0     C C C C
shunt    constant_q                       True     C - C R
shunt    cost_per_mvarh                   2.0      C - - C
shunt    max_moves_per_day                1.0      C - C C
shunt    cost_per_move                    3.0      C - - C
sgen     controllable                     False    C C C C
sgen     p_mw                             0.7      C C C C
sgen     scaling                          0.5      C C C C
sgen     min_p_mw                         0.1      C C C -
sgen     max_p_mw                         0.5      C C C N
sgen     min_q_mvar                       -0.1     C C C C
sgen     max_q_mvar                       0.1      C C C C
sgen     sn_mva                           1.1      C - C C
sgen     min_cos_phi                      0.95     C C C C
sgen     cost_per_mwh                     5.0      C - - C
sgen     cost_per_mvarh                   5.0      C - - N
sgen     reactive_capability_curve        True     R R R R
storage  controllable                     False    C C C C
storage  min_p_mw                         -0.2     C C C C
storage  max_p_mw                         0.2      C C C C
storage  min_e_mwh                        0.2      C C C C
storage  max_e_mwh                        1.0      C C C C
storage  soc_percent                      60.0     C C C C
storage  min_q_mvar                       -0.1     R R R R
storage  max_q_mvar                       0.1      R R R R
storage  sn_mva                           0.3      C C C C
storage  efficiency_charge_percent        80.0     C C C C
storage  efficiency_discharge_percent     80.0     C C C C
storage  efficiency_percent               80.0     C C C C
storage  self_discharge_percent_per_hour  1.0      C C C C
storage  terminal_soc_percent             60.0     C N N C
storage  cost_per_mwh                     5.0      C - - C
load     controllable                     False    C C C N
load     min_p_mw                         0.3      C C C -
load     max_p_mw                         0.7      C C C -
load     keep_energy                      True     C C N -
load     cost_per_mwh                     5.0      C - - -
load     p_mw                             0.5      C C C C
load     transferable_share               0.4      C - - R
load     transfer_block                   '2-3'    C - - -
load     transfer_window                  '1-4'    C - - -
load     transfer_cost_per_mwh            5.0      C - - -
load     reducible_share                  0.4      C - - R
load     reduce_windows                   '1-3'    C - - -
load     reduction                        0.3      C - - -
load     max_reductions                   1.0      C - - -
load     min_reduction_hours              2.0      C - - -
load     max_reduction_hours              1.0      C - - -
load     reduce_cost_per_mwh              5.0      C - - -
ev       arrival                          1        C C - C
ev       departure                        2        C C - C
ev       need_kwh                         4.0      C C - C
ev       max_kwh                          8.0      C C - C
ev       p_max_mw                         0.007    C C - C
"""
EXPECTED = {tuple(line.split()[:2]): line.split()[-4:] for line in TABLE.strip().splitlines()}
VALUES = {tuple(line.split()[:2]): eval(" ".join(line.split()[2:-4])) for line in TABLE.strip().splitlines()}
PROFILE = {("load", "p_mw"): pd.DataFrame(index=range(4))}
BLOCKS = ("transfer", "reduc", "max_reduc", "min_reduc")


@functools.cache
def plain(fleet):
    """One of every device; vehicles one by one, or as blocks of a load."""
    net = pp.create_empty_network(sn_mva=1.0)
    bus = [pp.create_bus(net, kv, min_vm_pu=0.9, max_vm_pu=1.1) for kv in (110.0, 20.0, 20.0, 20.0)]
    pp.create_ext_grid(net, bus[0], min_p_mw=-9.0, max_p_mw=9.0, min_q_mvar=-9.0, max_q_mvar=9.0)
    for column, value in {
        "price_per_mwh": 90.0,
        "tap_pos": 0.0,
        "tap_min": -2.0,
        "tap_max": 2.0,
        "tap_neutral": 0.0,
        "tap_step_percent": 1.0,
    }.items():
        net.ext_grid[column] = value
    net.ext_grid["controllable"] = True
    pp.create_transformer(net, bus[0], bus[1], "25 MVA 110/20 kV")
    net.trafo["controllable"] = True
    for a, b in ((1, 2), (2, 3)):
        pp.create_line_from_parameters(net, bus[a], bus[b], 6.0, 0.5, 0.4, 0.0, 0.3, max_loading_percent=100.0)
    pp.create_load(net, bus[3], 0.6, 0.2, controllable=True, min_p_mw=0.2, max_p_mw=0.9)
    pp.create_load(net, bus[2], 0.5, 0.0, type="ev", controllable=True)
    pp.create_load(net, bus[3], 0.5, 0.1, controllable=False)
    q = {"min_q_mvar": -0.3, "max_q_mvar": 0.3}
    pp.create_sgen(net, bus[3], 1.0, 0.1, type="PV", sn_mva=2.0, controllable=True, min_p_mw=0.0, **q)
    pp.create_storage(
        net, bus[3], 0.0, 2.0, soc_percent=50.0, min_p_mw=-0.4, max_p_mw=0.4, min_e_mwh=0.1, controllable=True
    )
    net.storage["max_e_mwh"], net.storage["efficiency_percent"] = 2.0, 90.0
    pp.create_shunt(net, bus[2], -0.1, 0.0, step=1, max_step=3)
    net.shunt["controllable"] = True
    if fleet:
        net["ev"] = pd.DataFrame(
            {
                "load": [1],
                "vehicle": [0],
                "arrival": [0],
                "departure": [3],
                "need_kwh": [5.0],
                "max_kwh": [9.0],
                "p_max_mw": [0.011],
            }
        )
    else:
        for column, value in {
            "transferable_share": 0.3,
            "transfer_block": "1-2",
            "transfer_window": "0-4",
            "reducible_share": 0.2,
            "reduce_windows": "0-3",
            "reduction": 0.5,
        }.items():
            net.load[column] = None if isinstance(value, str) else np.nan
            net.load[column] = net.load[column].astype(object if isinstance(value, str) else float)
            net.load.loc[1, column] = value
    return net


def changed(table, column, value, verb):
    block = column.startswith(BLOCKS)
    net = copy.deepcopy(plain(verb == "schedule_rolling" or not block))
    row = 1 if block and table == "load" else net[table].index[0]
    if table == "ev":
        row = 0
    if column not in net[table].columns:
        net[table][column] = None if isinstance(value, (str, bool)) else np.nan
    if isinstance(value, (bool, str)):
        net[table][column] = net[table][column].astype(object)
    net[table].loc[row, column] = value
    return net


def knows(verb, net):
    """(what counts, notes)."""
    if verb == "dispatch":
        s = read_study(net, Horizon(PROFILE, hours_per_period=1.0))
        return repr((s.devices, s.grid.root_v.tolist())), s.notes
    if verb == "flexibility":
        f = read_flexibility_study(net, Wishes(), Horizon(PROFILE, hours_per_period=1.0))
        return repr(
            (
                f.resources,
                f.connection.p_min,
                f.connection.p_max,
                f.connection.q_min,
                f.connection.q_max,
                f.study.grid.root_v.tolist(),
                f.study.grid.ratio.tolist(),
                f.study.grid.y.tolist(),
                np.asarray(f.study.points.p).tolist(),
                np.asarray(f.study.points.q).tolist(),
            )
        ), f.notes
    if verb == "pq_region":
        study, devices, _ = RegionJob(net, Horizon(PROFILE, hours_per_period=1.0), None, Limits()).read(0)
        devices = [replace(d, e_end=0.0, end_given=False) if isinstance(d, Storage) else d for d in devices]
        return repr((devices, study.grid.root_v.tolist())), study.notes
    case = RollingCase.from_net(net, renewables=Steady(hours=4), hours=4, library_days=1)
    h, p = Hours.of(case.found), Positions.of(case.found)
    return repr(
        (
            case.fingerprint,
            case.arrivals.sample(None).to_string(),
            h.load_mva.tolist(),
            h.rest.tolist(),
            h.grid.root_v.tolist(),
            h.grid.y.tolist(),
            sites_of(case.found),
            p.devices,
            [(d.p_min, d.p_max, d.q_min, d.q_max) for d in case.found.sources],
            net.sgen.sn_mva.tolist(),
        )
    ), case.notes


@functools.cache
def before(verb, block):
    return knows(verb, plain(verb == "schedule_rolling" or not block))


def outcome(verb, table, column, value):
    try:
        now = knows(verb, changed(table, column, value, verb))
    except InputError as error:
        return "R" if any(column in f or table in f for f in error.findings) else "refused without a name"
    was = before(verb, column.startswith(BLOCKS))
    return "C" if now[0] != was[0] else "N" if now[1] != was[1] else "-"
