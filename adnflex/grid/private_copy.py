"""A private copy of a net, to be written and run: its tables, without what earlier runs left in it."""

from __future__ import annotations

import copy

import pandas as pd
from pandapower import pandapowerNet

# What a run of pandapower leaves for the next one: matrices as large as the net, made anew by every first run.
_OF_A_RUN = {"_ppc", "_ppc0", "_ppc1", "_ppc2"}


def private_copy(net: pandapowerNet) -> pandapowerNet:
    """Copy a net whose copy is written and run.

    As `copy.deepcopy`, in a third of the time: results and matrices of earlier runs are left out, and the templates
    of empty results, which nobody writes, are shared.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> new = private_copy(net)
    >>> new.load.loc[0, "p_mw"] = 7.0
    >>> float(net.load.at[0, "p_mw"]), sorted(set(net) - set(new))
    (0.1, [])
    """
    light = copy.copy(net)
    shared = {}
    for name, value in net.items():
        if name in _OF_A_RUN:
            light[name] = None
        elif isinstance(value, pd.DataFrame):
            if name.startswith("_empty_res_"):
                shared[name] = value
                light[name] = None
            elif name.startswith("res_") and len(value):
                light[name] = value.iloc[:0]
            elif not len(value):
                # nothing stands in it that could be written: new rows and columns are the copy's own
                shared[name] = value.copy(deep=False)
                light[name] = None
    new = copy.deepcopy(light)
    new.update(shared)
    return new
