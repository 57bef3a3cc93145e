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
    >>> net = pn.mv_oberrhein()
    >>> net.line["max_loading_percent_emergency"] = 120.0
    >>> float(emergency(net).line["max_loading_percent"].min()), float(net.line["max_loading_percent"].max())
    (120.0, 60.0)
    """
    view = copy.copy(net)
    for table, column in LIMIT_NAMES:
        rows = net[table]
        if f"{column}{SUFFIX}" in rows.columns:
            usual = rows[column].astype(float) if column in rows.columns else float("nan")
            view[table] = view[table].assign(**{column: rows[f"{column}{SUFFIX}"].astype(float).fillna(usual)})
    return view
