"""States of a region in full AC power flow, every limit of net and devices measured."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.knobs import Limits
from adnflex.powerflow.limits import VIOLATION_COLUMNS, compare, limits_of, stacked
from adnflex.powerflow.states import measure

__all__ = ["run_points"]

_COLUMNS = ["point", *VIOLATION_COLUMNS]


def run_points(
    net: pandapowerNet,
    setpoints: pd.DataFrame,
    pcc: tuple[str, int],
    limits: Limits,
    sources: pd.DataFrame,
    audit: Callable[[pd.Series], list[dict[str, Any]]],
    leave_out: Callable[[Hashable], bool] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run every row of set-points.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    setpoints : pandas.DataFrame
        Index ``point``; columns ``(table, column, index)``, one row a state.
    pcc : (str, int)
        Table and index of the source whose import it is.
    limits : Limits
        What stands in place of the limits of the net.
    sources : pandas.DataFrame
        Limits of the sources (see `adnflex.powerflow.limits.NetLimits`).
    audit : callable
        Limits of devices that a row breaks, in the form of the violations.
    leave_out : callable, optional
        Told a row's label, says whether it is left out because the time is over.

    Returns
    -------
    points : pandas.DataFrame
        One row a state that was run: import, extremes, nearest limit (see `Region.points`), ``converged``,
        ``violations`` (count).
    violations : pandas.DataFrame
        ``point`` and the columns of `Check.violations`.
    """
    setpoints = setpoints.rename_axis("point")
    measured = measure(net, setpoints, supplied=(), leave_out=leave_out)
    found = compare(measured, replace(limits_of(net, limits), sources=sources), float(net.sn_mva))
    own = [{"point": label, **entry} for label in measured.labels for entry in audit(setpoints.loc[label])]
    lost = [_diverged(label) for label in measured.labels[~measured.converged]]
    parts = [pd.DataFrame([*own, *lost], columns=_COLUMNS), found.violations]
    violations = stacked(parts, _COLUMNS).sort_values("point", kind="stable").reset_index(drop=True)
    counts = violations.groupby("point").size().reindex(measured.labels).fillna(0).astype(int)
    imports = pd.DataFrame({c: measured.of_sources(c)[pcc] for c in ("p_mw", "q_mvar")})
    points = pd.concat([imports, measured.extremes(), found.nearest], axis=1)
    return points.assign(converged=measured.converged, violations=counts), violations


def _diverged(point: Hashable) -> dict[str, Any]:
    nothing = ("power flow", "net", -1, np.nan, np.nan, np.nan, "")
    return {"point": point, **dict(zip(VIOLATION_COLUMNS, nothing, strict=True))}
