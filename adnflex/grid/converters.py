"""Reactive powers of converters: pandapower's dcline takes voltages, so those that give the reactive powers wanted."""

from __future__ import annotations

import copy
import logging

import numpy as np
import pandapower as pp
from pandapower import pandapowerNet

from adnflex.grid.ac import run_ac

log = logging.getLogger(__name__)

# Columns of net.dcline with the reactive power drawn at both ends [Mvar]; pandapower has none.
REACTIVE = ("q_from_mvar", "q_to_mvar")


def with_reactive_powers(net: pandapowerNet) -> pandapowerNet:
    """Return the net with columns of reactive power in its table of dclines; the caller's is not changed."""
    if "dcline" not in net:
        return net
    new = copy.copy(net)
    new["dcline"] = net.dcline.assign(**{c: 0.0 for c in REACTIVE if c not in net.dcline.columns})
    return new


def hold_reactive_powers(net: pandapowerNet) -> bool:
    """Give the dclines of a net the voltages at which they draw ``q_from_mvar`` and ``q_to_mvar``.

    One power flow with constant powers in the place of the dclines tells these voltages; with them every power flow
    of the net, also pandapower's plain ``runpp``, has that solution.

    Parameters
    ----------
    net : pandapowerNet
        A private net; ``vm_from_pu`` and ``vm_to_pu`` of its dclines in service are written.

    Returns
    -------
    bool
        Whether that power flow converged; nothing is written otherwise.
    """
    rows = net.dcline[net.dcline["in_service"].to_numpy(dtype=bool)]
    if not len(rows):
        return True
    p, share = rows["p_mw"].to_numpy(float), 1 - rows["loss_percent"].to_numpy(float) / 100
    other = rows["loss_mw"].to_numpy(float) - share * np.abs(p)
    active = np.where(p > 0, p, other), np.where(p > 0, other, -p)
    trial = copy.copy(net)
    trial["load"], trial["dcline"] = net.load.copy(), net.dcline.iloc[:0].copy()
    for end, drawn, column in zip(("from_bus", "to_bus"), active, REACTIVE, strict=True):
        pp.create_loads(trial, rows[end].to_numpy(), p_mw=drawn, q_mvar=rows[column].to_numpy(float))
    if not run_ac(trial):
        log.warning("no power flow at the reactive powers of the dclines: their voltages stay as they are")
        return False
    vm = trial.res_bus["vm_pu"]
    for end in ("from", "to"):
        net.dcline.loc[rows.index, f"vm_{end}_pu"] = vm.loc[rows[f"{end}_bus"]].to_numpy()
    return True
