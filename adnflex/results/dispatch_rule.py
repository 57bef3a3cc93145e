"""The rule by which a box is followed: shares between the dispatches of its ends, stored energy, what is useful."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray
from adnflex.errors import InputError

# A trajectory may leave the box by this much, which is rounding [MW].
_ROUNDING = 1e-7


def inside(box: pd.DataFrame, wanted: FloatArray) -> FloatArray:
    """Return a trajectory (T,) without its rounding beyond the ends of a box [MW]; `InputError` where it leaves it."""
    if wanted.shape != (len(box),):
        raise InputError(
            f"trajectory_mw has the shape {wanted.shape}; give one value for each of the {len(box)} periods."
        )
    low, high = box["lower_mw"].to_numpy(), box["upper_mw"].to_numpy()
    bad = np.flatnonzero(~((wanted >= low - _ROUNDING) & (wanted <= high + _ROUNDING)))
    if len(bad):
        raise InputError(
            [
                f"period {box.index[k]}: {wanted[k]:.6g} MW lies outside the box, {low[k]:.6g} to "
                f"{high[k]:.6g} MW; stay inside it, or compute another box (period_weights, required_mw)."
                for k in bad.tolist()
            ]
        )
    return np.asarray(np.clip(wanted, low, high))


def with_constants(setpoints: pd.DataFrame, values: dict[tuple[str, str, int], float]) -> pd.DataFrame:
    """Set-points with further ones that are the same in all periods."""
    if not values:
        return setpoints
    columns = pd.MultiIndex.from_tuples(list(values), names=setpoints.columns.names)
    more = pd.DataFrame([list(values.values())] * len(setpoints), setpoints.index, columns)
    return pd.concat([setpoints, more], axis=1)


def share_of(curve: pd.Series, wanted: float) -> float:
    """Share between both ends at which the import is `wanted`; the curve rises with the share."""
    from scipy.interpolate import PchipInterpolator
    from scipy.optimize import brentq

    shares, imports = curve.index.to_numpy(dtype=float), curve.to_numpy(dtype=float)
    if wanted <= imports[0] or imports[-1] - imports[0] < _ROUNDING:
        return 0.0
    if wanted >= imports[-1]:
        return 1.0
    smooth = PchipInterpolator(shares, imports - wanted)
    return float(brentq(smooth, 0.0, 1.0, xtol=1e-12))


def levels_of(power: FloatArray, row: Any, hours: float) -> FloatArray:
    """Energy of one storage after each period, without charging and discharging at once."""
    level, found = float(row.start_mwh), []
    for p in power.tolist():
        level = row.keep * level + (row.charging * p if p > 0 else p / row.discharging) * hours
        found.append(level)
    return np.array(found)


def useful_at(states: pd.DataFrame, setpoints: pd.DataFrame, storages: pd.DataFrame, hours: float) -> pd.Series:
    """Import of AC states less what is lost in the network, in converters and in storages [MW].

    Parameters
    ----------
    states : pandas.DataFrame
        Index: period; ``import_mw``, ``losses_mw`` of the network and its converters.
    setpoints : pandas.DataFrame
        Index: period; columns ``(table, column, index)``: the dispatch of these states.
    storages : pandas.DataFrame
        As `Flexibility.storages`.
    hours : float
        Length of a period [h].
    """
    useful = states["import_mw"] - states["losses_mw"]
    for row in storages.itertuples():
        power = setpoints[("storage", "p_mw", int(row.Index))].to_numpy(dtype=float) * row.scaling
        stored = np.diff(levels_of(power, row, hours), prepend=row.start_mwh) / hours
        useful = useful - (power - stored)
    return useful
