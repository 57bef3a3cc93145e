"""Variants of a net: loads, generators and storages scaled, or generation as a share of what loads take."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import BoolArray, FloatArray
from adnflex.errors import InputError
from adnflex.knobs import Horizon
from adnflex.study.series import read_series

# A year of quarter-hours may be asked for without being named.
_MOST_PERIODS = 35_136


def varied(net: pandapowerNet, changes: Mapping[str, Any], horizon: Horizon) -> pandapowerNet:
    """Return a net whose powers are changed by their column ``scaling``, so that profiles follow.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    changes : mapping
        ``scale``: factors by table, or by table and type as in ``sgen.PV``. ``share``: energy of these generators over
        the horizon, as a share of that of all loads (after `scale`).
    horizon : Horizon
        Profiles, periods and their weights.

    Raises
    ------
    InputError
        If there is nothing to be changed, or no energy that could be a share.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.create_cigre_network_mv(with_der="pv_wind")
    >>> other = varied(net, {"scale": {"load": 1.2}, "share": {"sgen.PV": 0.3}}, Horizon())
    >>> sun = other.sgen[other.sgen.type == "PV"]
    >>> share = (sun.p_mw * sun.scaling).sum() / (other.load.p_mw * other.load.scaling).sum()
    >>> float(net.load.scaling[0]), float(other.load.scaling[0]), round(float(share), 6)
    (1.0, 1.2, 0.3)
    """
    other = copy.copy(net)
    for key, factor in changes.get("scale", {}).items():
        _multiply(other, key, factor)
    shares = changes.get("share", {})
    if shares:
        energy = _energies(other, horizon)
        taken = float(energy["load"].sum())
        for key, share in shares.items():
            given = float(energy["sgen"][_chosen(other, key)].sum())
            if not (taken > 0 and given > 0):
                raise InputError(
                    f"share: {key} gives {given:.4g} MWh and loads take {taken:.4g} MWh over the horizon, so that no "
                    "share can be set; give generators and loads power, or use scale."
                )
            _multiply(other, key, share * taken / given)
    return other


def _chosen(net: pandapowerNet, key: str) -> BoolArray:
    """Return which rows of a table a word such as ``sgen`` or ``sgen.PV`` means; at least one."""
    table, dot, kind = key.partition(".")
    rows = net[table]
    chosen = np.ones(len(rows), dtype=bool)
    if dot:
        types = rows["type"].astype(str).to_numpy() if "type" in rows else np.full(len(rows), "")
        chosen = np.asarray(types == kind, dtype=bool)
        if not chosen.any():
            known = ", ".join(sorted(set(types.tolist()))) or "none"
            raise InputError(f"{key}: no {table} is of the type {kind}; types are {known}.")
    if not chosen.any():
        raise InputError(f"{key}: net.{table} is empty, so that nothing can be changed; put elements into it.")
    return chosen


def _multiply(net: pandapowerNet, key: str, factor: float) -> None:
    """Multiply the scaling of some elements, in a table of its own."""
    table, chosen = key.partition(".")[0], _chosen(net, key)
    now = pd.to_numeric(net[table]["scaling"]).astype(float)
    net[table] = net[table].assign(scaling=now.where(~chosen, now * factor))


def _energies(net: pandapowerNet, horizon: Horizon) -> dict[str, FloatArray]:
    """Energy of every load and generator over the horizon, as often as each period counts [MWh a unit of time]."""
    if horizon.situations is not None:
        raise InputError("share: is of the energy over periods; with situations scale their nets.")
    series = read_series(net, horizon.profiles, horizon.periods, most=_MOST_PERIODS) if horizon.many else None
    weights = np.ones(1 if series is None else len(series))
    if horizon.period_weights is not None and np.size(horizon.period_weights) == len(
        weights
    ):  # others are refused where the periods are read
        weights = np.asarray(horizon.period_weights, dtype=float).ravel()
    found = {}
    for table in ("load", "sgen"):
        rows = net[table]
        alive = rows["in_service"].to_numpy(dtype=bool) * pd.to_numeric(rows["scaling"]).to_numpy(dtype=float)
        p = rows[["p_mw"]].to_numpy(dtype=float).T if series is None else series.values[table, "p_mw"]
        found[table] = np.asarray(weights @ p * alive)
    return found
