"""The identity of a net: a hash of what power flow reads."""

from __future__ import annotations

import hashlib

from pandapower import pandapowerNet

__all__ = ["fingerprint"]

# Tables that power flow reads; result tables and cosmetics do not belong to a net's identity.
_ELECTRICAL = ("bus", "line", "trafo", "switch", "load", "sgen", "gen", "storage", "shunt", "ward", "motor", "ext_grid")
_COSMETIC = {"name", "geo", "zone", "type", "std_type", "description", "controllable", "profile"}


def fingerprint(net: pandapowerNet) -> str:
    """Hash the electrical content of a net, present switch states included.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> fingerprint(net) == fingerprint(pn.case33bw())
    True
    >>> net.load.loc[0, "p_mw"] += 0.001
    >>> fingerprint(net) == fingerprint(pn.case33bw())
    False
    """
    digest = hashlib.sha256()
    for table in _ELECTRICAL:
        rows = net[table]
        if not len(rows):
            continue
        columns = sorted(c for c in rows.columns if c not in _COSMETIC)
        digest.update(f"{table}:{columns}".encode())
        digest.update(rows[columns].to_csv(float_format="%.12g", lineterminator="\n").encode())
    return digest.hexdigest()[:16]
