"""Full AC power flow with the options that every validation uses."""

from __future__ import annotations

import logging

import numpy as np
import pandapower as pp
from pandapower import pandapowerNet
from pandapower.powerflow import LoadflowNotConverged

__all__ = ["losses_mw", "run_ac"]

log = logging.getLogger(__name__)


def run_ac(net: pandapowerNet) -> bool:
    """Run AC power flow on a private copy of the caller's net; return whether it converged.

    Controllers are left alone, or they would move what was optimised; options that a net brings along
    (``user_pf_options``) are overruled, so that a verdict does not depend on them.

    Parameters
    ----------
    net : pandapowerNet
        The net; its result tables are written.
    """
    try:
        pp.runpp(
            net,
            algorithm="nr",
            calculate_voltage_angles="auto",
            init="auto",
            max_iteration=60,
            # pandapower compares it per unit of net.sn_mva
            tolerance_mva=1e-9 / max(1.0, float(net.sn_mva)),
            trafo_model="t",
            trafo_loading="current",
            enforce_q_lims=False,
            check_connectivity=True,
            voltage_depend_loads=True,
            consider_line_temperature=False,
            run_control=False,
            numba=False,
        )
    except LoadflowNotConverged:
        return False
    return True


def losses_mw(net: pandapowerNet) -> float:
    """Active losses of lines, transformers and couplers with an impedance [MW], from the result tables.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> run_ac(net)
    True
    >>> round(losses_mw(net) * 1e3, 3)
    202.677
    """
    total = float(np.nansum(net.res_line["pl_mw"])) if len(net.line) else 0.0
    if len(net.trafo):
        total += float(np.nansum(net.res_trafo["pl_mw"]))
    if len(net.switch) and "p_from_mw" in net.res_switch.columns:
        total += float(np.nansum(net.res_switch["p_from_mw"] + net.res_switch["p_to_mw"]))
    return total
