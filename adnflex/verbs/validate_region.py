"""Validate a P-Q region: every stored point written into a fresh copy of the net, run and judged."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.devices import Device, Supplies
from adnflex.devices.grid_connection import source_limits
from adnflex.grid.coupling import coupling_of
from adnflex.grid.coupling_alone import alone
from adnflex.grid.identity import require_same
from adnflex.knobs import Horizon
from adnflex.powerflow.judge import Judgement, recorded
from adnflex.powerflow.limits import stacked
from adnflex.problems.region.points import run_points
from adnflex.problems.region.reading import RegionJob
from adnflex.problems.region.tables import broken_in, joined
from adnflex.results.region import Region, RegionCheck
from adnflex.study import Study
from adnflex.study.audit import off_series

# A point's import in a new run may differ from the stored one by this share of its size.
_SAME = 1e-6


def validate_region(
    region: Region, net: pandapowerNet, executor: Executor | None = None, engine: str = "auto"
) -> RegionCheck:
    """Write every stored point into a fresh copy of the net, run pandapower and judge it.

    Parameters
    ----------
    region : Region
        The region.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    executor, engine
        See `adnflex.powerflow.judge`; the states of each period are judged together.

    Returns
    -------
    RegionCheck
        Verdict, every point as it runs now, violations.

    Raises
    ------
    InputError
        If the net is not the one that the region was made for.
    """
    require_same(net, region.fingerprint)
    table, _, number = region.pcc.partition(" ")
    coupling = alone(coupling_of(net, (table, int(number))))
    net, pcc = coupling.net, coupling.source
    parts, broken, judged = {}, {}, dict[int, Judgement]()
    for t in region.periods:
        study, devices, _ = _again(region, net, pcc, t)
        claimed = region.points.xs(t, level="period")
        setpoints = region.setpoints.xs(t, level="period").dropna(axis=1, how="all")
        audit = partial(broken_in, devices, study.horizon)
        measured, violations, judged[t] = run_points(
            net, setpoints, pcc, region.asked_limits, source_limits(devices), audit, engine=engine, executor=executor
        )
        off = np.hypot(measured["p_mw"] - claimed["p_mw"], measured["q_mvar"] - claimed["q_mvar"])
        parts[t] = pd.concat([claimed[["combination", "role"]], measured, off.rename("off_mva")], axis=1)
        own = [
            (point, *row)
            for point in setpoints.index
            for _, _, row in off_series(study, net, setpoints.loc[[point]], "series")
        ]
        broken[t] = stacked([violations, pd.DataFrame(own, columns=violations.columns)], list(violations.columns))
    points = joined(parts)
    violations = joined(broken).reset_index(level="period").reset_index(drop=True)
    faults = _claims(region, points)
    bad = int((points["violations"] > 0).sum())
    if bad:
        worst = violations.iloc[0]
        faults.insert(
            0,
            f"{bad} of {len(points)} points break a limit, first {worst['kind']} at {worst['element']} "
            f"{worst['index']} in period {worst['period']}",
        )
    if len(violations) and not bad:
        faults.append(f"{len(violations)} set-points are not what the series say")
    verdict = "; ".join(faults) or f"all {len(points)} points converge and meet every limit of net and devices"
    who = [f"period {t}: {j.says}" if len(judged) > 1 else j.says for t, j in judged.items() if j.says]
    notes = tuple(dict.fromkeys(note for j in judged.values() for note in j.notes))
    told = f"{verdict} ({'; '.join(who)})" if who else verdict
    return RegionCheck(not faults, f"{told}.", points, violations, notes=notes, **recorded(list(judged.values())))


def _again(region: Region, net: pandapowerNet, pcc: tuple[str, int], t: int) -> tuple[Study, list[Device], Supplies]:
    """Read a period once more, with the series that the region was made for."""
    row = region.inputs.loc[t].dropna()
    given: dict[tuple[str, str], dict[int, float]] = {("load", "p_mw"): {}}
    for (table, column, i), value in row.items():
        given.setdefault((str(table), str(column)), {})[int(i)] = float(value)
    profiles = {key: pd.DataFrame(values, index=[0]) for key, values in given.items()}
    return RegionJob(net, Horizon(profiles, hours_per_period=region.hours_per_period), pcc, region.asked_limits).read(0)


def _claims(region: Region, points: pd.DataFrame) -> list[str]:
    """List what the region says beyond its points, and the new run does not bear out."""
    faults = []
    for t in region.periods:
        now = points.xs(t, level="period")
        size = max(float(np.ptp(region.outer_polygon(t), axis=0).max()), 1.0)
        if float(now["off_mva"].max()) > _SAME * size:
            faults.append(f"period {t}: an import differs from the stored one by {now['off_mva'].max():.3g} MVA")
        if not region.in_outer(t, now["p_mw"], now["q_mvar"]).all():
            faults.append(f"period {t}: a point lies outside the outer polygon")
        if not len(region.inner) or t not in region.inner.index.get_level_values("period"):
            continue
        vertices = region.inner.xs(t, level="period")
        states = now.reindex(vertices["point"].astype(int))
        apart = np.hypot(
            vertices["p_mw"].to_numpy() - states["p_mw"].to_numpy(),
            vertices["q_mvar"].to_numpy() - states["q_mvar"].to_numpy(),
        )
        if not np.all(apart <= _SAME * size):
            faults.append(f"period {t}: a vertex of an inner polygon is no verified point")
    return faults
