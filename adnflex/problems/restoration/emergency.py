"""Limits that a net allows for some hours after a fault: columns beside those of every day."""

from __future__ import annotations

import copy

from pandapower import pandapowerNet

from adnflex.knobs import LIMIT_NAMES

SUFFIX = "_emergency"


def emergency(net: pandapowerNet, factor: float = 1.0) -> pandapowerNet:
    """Return a view of a net with its emergency limits, where it has any, in place of those of every day.

    The columns are those of every day with ``_emergency`` behind, e.g. ``line.max_loading_percent_emergency``; where a
    value is missing, the limit of every day holds.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    factor : float
        What the loading limits of every day are multiplied by where the net has none for emergencies; 1 or more.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> net.bus["min_vm_pu_emergency"] = 0.85
    >>> float(emergency(net).bus["min_vm_pu"].min()), float(net.bus["min_vm_pu"].min())
    (0.85, 0.9)
    >>> net.line["max_loading_percent"] = 80.0
    >>> float(emergency(net, 1.25).line["max_loading_percent"].min())
    100.0
    """
    view = copy.copy(net)
    for table, column in LIMIT_NAMES:
        rows, own = net[table], f"{column}{SUFFIX}"
        scale = factor if column == "max_loading_percent" else 1.0
        if own not in rows.columns and (scale == 1.0 or column not in rows.columns):
            continue
        usual = rows[column].astype(float) * scale if column in rows.columns else float("nan")
        limit = rows[own].astype(float).fillna(usual) if own in rows.columns else usual
        view[table] = view[table].assign(**{column: limit})
    return view
