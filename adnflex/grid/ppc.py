"""The one place that calls pandapower's own converter, so that both sides agree by construction.

`runpp` builds bus and branch matrices with `_pd2ppc`; reading the same matrices means that cable
charging, transformer taps, magnetisation and shunts are what AC power flow will use.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from pandapower.auxiliary import _init_runpp_options
from pandapower.build_branch import _calc_branch_values_from_trafo_df
from pandapower.pd2ppc import _pd2ppc
from pandapower.pypower.idx_brch import (
    BR_B,
    BR_B_ASYM,
    BR_G,
    BR_G_ASYM,
    BR_R,
    BR_X,
    F_BUS,
    SHIFT,
    T_BUS,
    TAP,
)
from pandapower.pypower.idx_bus import BASE_KV, BS, CZD_P, CZD_Q, GS, PD, QD

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.grid.options import PowerFlowOptions


@dataclass(frozen=True)
class Matrices:
    """Bus and branch data of a net, per unit on ``net.sn_mva``.

    Bus arrays have one row a supplied node, branch arrays one row an energisable branch; `row_of` finds
    the branch row of a pandapower element (-1: not in service or not supplied).  `shift` is in degrees;
    `z_power` is what power flow makes constant impedance.
    """

    node_of: dict[int, int]
    base_kv: FloatArray
    p: FloatArray
    q: FloatArray
    y: ComplexArray
    z_share_p: FloatArray
    z_share_q: FloatArray
    z_power: ComplexArray
    f: IntArray
    t: IntArray
    r: FloatArray
    x: FloatArray
    ratio: FloatArray
    shift: FloatArray
    y_from: ComplexArray
    y_to: ComplexArray
    row_of: dict[tuple[str, int], int]
    options: PowerFlowOptions


def matrices(net: pandapowerNet, options: PowerFlowOptions) -> Matrices:
    """Convert a net (a private copy: pandapower writes work tables into it) as `runpp` does with the same options."""
    net["user_pf_options"] = {}
    _init_runpp_options(
        net,
        algorithm="nr",
        init="flat",
        max_iteration="auto",
        tolerance_mva=1e-8,
        enforce_p_lims=False,
        enforce_q_lims=False,
        check_connectivity=True,
        numba=False,
        **options.arguments,
    )
    ppc, ppci = _pd2ppc(net)
    net["_ppc"] = ppc
    bus = np.real(ppci["bus"])
    base = float(net.sn_mva)
    alive = np.asarray(ppci["internal"]["branch_is"], dtype=bool)
    branch = ppc["branch"][alive]
    p_all, q_all = bus[:, PD] / base, bus[:, QD] / base
    zp, zq = bus[:, CZD_P], bus[:, CZD_Q]
    shunt = (bus[:, GS] + 1j * bus[:, BS]) / base
    y_half = (branch[:, BR_G] + 1j * branch[:, BR_B]) / 2
    y_asym = (branch[:, BR_G_ASYM] + 1j * branch[:, BR_B_ASYM]) / 2
    ratio = np.real(branch[:, TAP]).copy()
    ratio[ratio == 0] = 1.0
    return Matrices(
        node_of=_node_of(net, len(bus)),
        base_kv=bus[:, BASE_KV].copy(),
        p=p_all * (1 - zp),
        q=q_all * (1 - zq),
        y=shunt + p_all * zp - 1j * q_all * zq,
        z_share_p=zp.copy(),
        z_share_q=zq.copy(),
        z_power=p_all * zp + 1j * q_all * zq,
        f=np.real(branch[:, F_BUS]).astype(np.int64),
        t=np.real(branch[:, T_BUS]).astype(np.int64),
        r=np.real(branch[:, BR_R]).copy(),
        x=np.real(branch[:, BR_X]).copy(),
        ratio=ratio,
        shift=np.real(branch[:, SHIFT]).copy(),
        y_from=y_half,
        y_to=y_half + y_asym,
        row_of=_row_of(net, alive),
        options=options,
    )


def branch_values(study: pandapowerNet, trafos: pd.DataFrame) -> FloatArray:
    """Compute what power flow uses of some transformers: series impedance, shunts, ratio, shift; one column each.

    Parameters
    ----------
    study : pandapowerNet
        A net that `matrices` has converted.
    trafos : pandas.DataFrame
        Rows of ``net.trafo``, with any changes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = _calc_branch_values_from_trafo_df(study, study["_ppc"], trafos.copy())
    return np.stack([np.broadcast_to(np.asarray(v, dtype=float), len(trafos)) for v in values])


def _node_of(net: pandapowerNet, n_nodes: int) -> dict[int, int]:
    """Node of every pandapower bus that is in service and supplied."""
    lookup = net["_pd2ppc_lookups"]["bus"]
    in_service = net.bus.index[net.bus["in_service"].to_numpy(dtype=bool)]
    found = {int(b): int(lookup[b]) for b in in_service}
    return {b: k for b, k in found.items() if 0 <= k < n_nodes}


def _row_of(net: pandapowerNet, alive: BoolArray) -> dict[tuple[str, int], int]:
    """Branch row of every line, transformer and closed bus-bus switch with an impedance."""
    lookups: dict[str, tuple[int, int]] = net["_pd2ppc_lookups"]["branch"]
    position = np.where(alive, np.cumsum(alive) - 1, -1)
    rows: dict[tuple[str, int], int] = {}
    for element in ("line", "trafo", "switch"):
        if element not in lookups:
            continue
        first, last = lookups[element]
        table: Any = net[element]
        index = table.index[net["_impedance_bb_switches"]] if element == "switch" else table.index
        rows.update({(element, int(i)): int(k) for i, k in zip(index, position[first:last], strict=True)})
    return rows
