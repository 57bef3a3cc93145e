"""States of a region in full AC power flow, every limit of net and devices measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.knobs import Limits
from adnflex.powerflow.judge import Judgement, judge
from adnflex.powerflow.limits import VIOLATION_COLUMNS, limits_of, stacked
from adnflex.study.audit import Row, violation

_COLUMNS = ["point", *VIOLATION_COLUMNS]


def run_points(
    net: pandapowerNet,
    setpoints: pd.DataFrame,
    pcc: tuple[str, int],
    limits: Limits,
    sources: pd.DataFrame,
    audit: Callable[[pd.DataFrame], list[Row]],
    **running: Any,
) -> tuple[pd.DataFrame, pd.DataFrame, Judgement]:
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
        Limits of devices that a state (a table of one row) breaks.
    running
        ``leave_out``, ``engine``, ``executor`` of `adnflex.powerflow.judge`.

    Returns
    -------
    points : pandas.DataFrame
        One row a state that was run: import, extremes, nearest limit (see `Region.points`), ``converged``,
        ``violations`` (count).
    violations : pandas.DataFrame
        ``point`` and the columns of `Check.violations`.
    judged : Judgement
        Who ran the states.
    """
    setpoints = setpoints.rename_axis("point")
    held = replace(limits_of(net, limits), sources=sources)
    judged = judge(net, setpoints, held, supplied=(), **running)
    measured, found = judged.measured, judged.found
    own = [(label, *row) for label in measured.labels for row in audit(setpoints.loc[[label]])]
    nothing = violation("power flow", ("net", -1), np.nan, np.nan, "")
    lost = [(label, *nothing) for label in measured.labels[~measured.converged]]
    parts = [pd.DataFrame([*own, *lost], columns=_COLUMNS), found.violations]
    violations = stacked(parts, _COLUMNS).sort_values("point", kind="stable").reset_index(drop=True)
    counts = violations.groupby("point").size().reindex(measured.labels).fillna(0).astype(int)
    imports = pd.DataFrame({c: measured.of_sources(c)[pcc] for c in ("p_mw", "q_mvar")})
    points = pd.concat([imports, measured.extremes(), found.nearest], axis=1)
    return points.assign(converged=measured.converged, violations=counts), violations, judged
