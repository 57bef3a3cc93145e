"""Limits that a net allows for some hours after a fault: columns beside those of every day."""

from __future__ import annotations

import copy

from pandapower import pandapowerNet

from adnflex.knobs import LIMIT_NAMES

SUFFIX = "_emergency"


def emergency(net: pandapowerNet) -> pandapowerNet:
    """Return a view of a net with its emergency limits, where it has any, in place of those of every day.

    The columns are those of every day with ``_emergency`` behind, e.g. ``line.max_loading_percent_emergency``; where a
    value is missing, the limit of every day holds.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> net.bus["min_vm_pu_emergency"] = 0.85
    >>> float(emergency(net).bus["min_vm_pu"].min()), float(net.bus["min_vm_pu"].min())
    (0.85, 0.9)
    """
    view = copy.copy(net)
    for table, column in LIMIT_NAMES:
        rows = net[table]
        if f"{column}{SUFFIX}" in rows.columns:
            usual = rows[column].astype(float) if column in rows.columns else float("nan")
            view[table] = view[table].assign(**{column: rows[f"{column}{SUFFIX}"].astype(float).fillna(usual)})
    return view
