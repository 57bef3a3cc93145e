"""Loads of a net by bus, as they stand in its tables."""

from __future__ import annotations

import pandas as pd
from pandapower import pandapowerNet


def gross_load(net: pandapowerNet) -> pd.DataFrame:
    """Return the loads in service with what they draw: the rows of ``net.load`` and ``gross_mw`` [MW].

    Generation beside a load is not taken off, and its dependence on voltage is left out.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> loads = gross_load(pn.case33bw())
    >>> round(float(loads["gross_mw"].sum()), 3)
    3.715
    """
    load = net.load[net.load["in_service"].to_numpy(dtype=bool)]
    return load.assign(gross_mw=load["p_mw"].astype(float) * load["scaling"].astype(float))
