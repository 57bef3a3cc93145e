"""Nets for the P-Q region, and dispatches of them sampled without a look at the region."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import pandapower as pp
import pandapower.networks as pn
from pandapower.auxiliary import pandapowerNet

from adnflex.grid import read_grid
from adnflex.grid.flow import flow_of
from adnflex.grid.topology import Adjacency
from adnflex.knobs import Switching
from tests.brute_force import RUNPP


def cigre(scale: float = 1.0) -> pandapowerNet:
    """CIGRE MV as it stands, its photovoltaics and wind `scale` times as large, with inverters."""
    net = pn.create_cigre_network_mv(with_der="pv_wind")
    net.sgen["p_mw"] *= scale
    net.sgen["sn_mva"] = 1.1 * net.sgen["p_mw"]
    free_inverters(net, np.zeros(len(net.sgen)))
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.92, 1.05
    net.line["max_loading_percent"] = net.trafo["max_loading_percent"] = 100.0
    return net


def free_inverters(net: pandapowerNet, low: np.ndarray) -> None:
    """Let all static generators be curtailed down to `low` and use their whole circle."""
    net.sgen["controllable"] = True
    net.sgen["min_p_mw"], net.sgen["max_p_mw"] = low, net.sgen["p_mw"]
    net.sgen["min_q_mvar"], net.sgen["max_q_mvar"] = -net.sgen["sn_mva"], net.sgen["sn_mva"]


def feeder(tap: bool = True, bank: bool = True, storage: bool = False) -> pandapowerNet:
    """Six buses: a transformer with five taps, a bank of two steps, two inverters, a storage, a flexible load."""
    net = pp.create_empty_network(sn_mva=10.0)
    root = pp.create_bus(net, 110.0)
    at = [pp.create_bus(net, 20.0) for _ in range(5)]
    pp.create_ext_grid(net, root, vm_pu=1.02)
    pp.create_transformer_from_parameters(
        net, root, at[0], sn_mva=16.0, vn_hv_kv=110.0, vn_lv_kv=20.0, vkr_percent=0.5, vk_percent=11.0, pfe_kw=14.0,
        i0_percent=0.05, tap_side="hv", tap_neutral=0, tap_min=-2, tap_max=2, tap_step_percent=2.0, tap_pos=0,
        tap_changer_type="Ratio",
    )  # fmt: skip
    net.trafo["controllable"] = tap
    net.trafo["max_loading_percent"] = 100.0
    for a, b in ((0, 1), (1, 2), (2, 3), (1, 4)):
        pp.create_line_from_parameters(
            net, at[a], at[b], length_km=4.0, r_ohm_per_km=0.35, x_ohm_per_km=0.3, c_nf_per_km=200.0, max_i_ka=0.25,
            max_loading_percent=100.0,
        )  # fmt: skip
    for bus, p, q in ((1, 2.0, 0.6), (2, 1.5, 0.5), (3, 2.5, 0.9), (4, 1.0, 0.2)):
        pp.create_load(net, at[bus], p_mw=p, q_mvar=q, controllable=False)
    pp.create_sgen(net, at[3], p_mw=5.0, sn_mva=5.5)
    pp.create_sgen(net, at[4], p_mw=2.0, sn_mva=2.2)
    free_inverters(net, np.zeros(2))
    if bank:
        pp.create_shunt(net, at[2], q_mvar=-0.8, p_mw=0.0, step=1, max_step=2)
        net.shunt["controllable"] = True
    if storage:
        pp.create_storage(net, at[2], p_mw=0.0, max_e_mwh=4.0, min_e_mwh=0.4, soc_percent=20.0, min_p_mw=-1.0,
                          max_p_mw=1.0, controllable=True)  # fmt: skip
        net.storage["efficiency_percent"] = 90.0
        net.load["min_p_mw"], net.load["max_p_mw"] = 0.5, 2.0
        net.load.loc[0, "controllable"] = True
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.95, 1.05
    return net


def power_flow(net: pandapowerNet, slack: float = 0.0) -> tuple[float, float, bool] | None:
    """Import [MW, Mvar], and whether every limit of the network is met up to `slack` [pu]; None without power flow."""
    try:
        pp.runpp(net, **RUNPP)
    except pp.LoadflowNotConverged:
        return None
    vm = net.res_bus["vm_pu"].drop(net.ext_grid["bus"])
    good = (vm >= net.bus["min_vm_pu"][vm.index] - slack).all() and (vm <= net.bus["max_vm_pu"][vm.index] + slack).all()
    for table in ("line", "trafo"):
        good &= bool((net[f"res_{table}"]["loading_percent"] <= net[table]["max_loading_percent"] + 100 * slack).all())
    return float(net.res_ext_grid["p_mw"].sum()), float(net.res_ext_grid["q_mvar"].sum()), bool(good)


def random_injections(net: pandapowerNet, count: int, rng: np.random.Generator) -> np.ndarray:
    """Admissible p, q of all static generators, (count, sgens, 2): rims, vertices and inside, together and each alone.

    Most have a common direction, or nothing of many devices' sum would come near the rim of the region.
    """
    low, top, rated = (net.sgen[c].to_numpy() for c in ("min_p_mw", "max_p_mw", "sn_mva"))
    angle = rng.uniform(0, 2 * np.pi, count)
    towards = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None, :]
    apart = rng.choice([0.0, 0.1, 0.5, 2.0], count)[:, None, None]
    towards = towards + apart * rng.normal(size=(count, len(top), 2))
    towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
    p = np.clip(rated * towards[..., 0], low, top)
    room = np.sqrt(rated**2 - p**2)
    # where p is at its end, the extreme of the direction is the corner of the half circle
    at_end = (p == low) | (p == top)
    q = np.where(at_end, np.sign(towards[..., 1]) * room, np.clip(rated * towards[..., 1], -room, room))
    share = np.where(rng.random(count) < 0.4, 1.0, rng.random(count))[:, None]
    middle = (low + top) / 2
    return np.stack([middle + share * (p - middle), share * q], axis=-1)


def sampled(
    net: pandapowerNet, injections: np.ndarray, settings: Sequence[dict[tuple[str, str, int], float]] = ({},)
) -> np.ndarray:
    """Import of every dispatch that meets every limit, at each of some settings: (k, 2) [MW, Mvar].

    On the grid's own equations, which `tests.grid.test_exactness` holds against pandapower; every fortieth is run there
    too.
    """
    work, found = deepcopy(net), []
    for one in settings:
        for (table, column, index), value in one.items():
            work[table].loc[index, column] = value
        grid = read_grid(work, switching=Switching(switchable_lines=[]))
        nodes = [grid.node_of[int(b)] for b in work.sgen["bus"]]
        empty = grid.p.copy()
        np.add.at(empty, nodes, net.sgen["p_mw"].to_numpy() / grid.base_mva)
        named, adjacency = np.isnan(grid.root_v), Adjacency(grid)
        for k, sgens in enumerate(injections):
            p, q = empty.copy(), grid.q.copy()
            np.subtract.at(p, nodes, sgens[:, 0] / grid.base_mva)
            np.subtract.at(q, nodes, sgens[:, 1] / grid.base_mva)
            now = grid.replace(p=p, q=q)
            flow = flow_of(now, grid.closed, adjacency)
            good = flow is not None and bool(
                (flow.v >= grid.v_min)[named].all()
                and (flow.v <= grid.v_max)[named].all()
                and (flow.loadings(now) <= 1).all()
            )
            if good:
                total = complex(flow.supplied[grid.roots[0]]) * grid.base_mva
                found.append((total.real, total.imag))
            if k % 40 == 0:
                copy = deepcopy(work)
                copy.sgen["p_mw"], copy.sgen["q_mvar"] = sgens[:, 0], sgens[:, 1]
                result = power_flow(copy)
                assert good == (result is not None and result[2])
                assert not good or np.allclose(found[-1], result[:2], atol=1e-7)
    return np.array(found).reshape(-1, 2)
