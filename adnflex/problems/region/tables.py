"""The answer of one period of a region as tables, its states run in pandapower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.algorithms.polygons import union_area
from adnflex.arrays import FloatArray
from adnflex.devices import Device, Positioned, Supplies, Timeline, able
from adnflex.devices.grid_connection import source_limits
from adnflex.problems.clock import Deadline
from adnflex.problems.region.answer import RegionAnswer
from adnflex.problems.region.points import run_points
from adnflex.study import Study, following, input_table
from adnflex.study.audit import Row, audited, written_in


@dataclass(frozen=True)
class PeriodTables:
    """Tables of one period, as those of `Region` without the level ``period``.

    Attributes
    ----------
    area : dict
        Row of `Region.areas`.
    halfplanes, outer, inner, points, setpoints, positions : pandas.DataFrame
        See `Region`.
    inputs : pandas.Series
        Row of `Region.inputs`.
    notes : tuple of str
        What the reader has to know.
    """

    area: dict[str, Any]
    halfplanes: pd.DataFrame
    outer: pd.DataFrame
    inner: pd.DataFrame
    points: pd.DataFrame
    setpoints: pd.DataFrame
    positions: pd.DataFrame
    inputs: pd.Series
    notes: tuple[str, ...]


def period_tables(
    net: pandapowerNet,
    study: Study,
    devices: Sequence[Device],
    pcc: Supplies,
    answer: RegionAnswer,
    clock: Deadline,
) -> PeriodTables:
    """Run every state in pandapower and tabulate; a polygon with a state that fails there is left out.

    Where the time does not last for all states, corners of polygons come first; what was not run is not kept.
    """
    setpoints, roles = _states(net, study, answer)
    measured, _, _ = run_points(
        net,
        setpoints,
        (pcc.place.table, pcc.place.index),
        study.limits,
        source_limits(devices),
        partial(broken_in, devices, study.horizon),
        leave_out=partial(_over, roles, clock),
    )
    points = roles.loc[measured.index].join(measured)
    good = (points["violations"] == 0) & points["converged"].astype(bool)
    notes = [*study.notes, *answer.notes]
    bad_cells = sorted(set(points.loc[~good, "combination"]))
    if bad_cells:
        notes.append(f"combinations {bad_cells} have states that fail in pandapower; their polygons are left out.")
    unrun = roles.drop(measured.index)
    missing = sorted(set(unrun.loc[unrun["role"] == "corner", "combination"]) - set(bad_cells))
    if len(unrun):
        more = f", and the polygons of combinations {missing} with them" if missing else ""
        notes.append(
            f"the time was over when {len(points)} of {len(roles)} states were run in pandapower; the others are left "
            f"out{more}."
        )
    bad_cells = sorted({*bad_cells, *missing})
    inner = _inner(answer, points, bad_cells)
    kept = [c.inner.polygon for k, c in enumerate(answer.cells) if k not in bad_cells]
    inner_area = union_area(kept)
    area = {
        "outer": answer.outer_area,
        "inner": inner_area,
        "ratio": inner_area / answer.outer_area if answer.outer_area > 0 else np.nan,
        "combinations": answer.combinations,
        "solved": answer.solved,
        "power_flows": answer.flows,
        "power_flows_pandapower": len(points),
        "sampled": sum(c.inner.checked for k, c in enumerate(answer.cells) if k not in bad_cells),
        "status": "time_limit" if len(unrun) else answer.status,
    }
    return PeriodTables(
        area,
        _halfplanes(answer),
        _polygon(answer.outer),
        inner,
        points[good].drop(columns=["converged", "violations"]),
        setpoints.loc[points.index[good]],
        _positions(devices, answer),
        input_table(net, study, pd.RangeIndex(1), prices=False).iloc[0],
        tuple(notes),
    )


# Seconds after the time limit in which corners of polygons are still run: without them there is no polygon.
_GRACE = 1.0


def _over(roles: pd.DataFrame, clock: Deadline, point: int) -> bool:
    """Whether a state is left out for time; the first one never is."""
    if point == roles.index[0]:
        return False
    return clock.now >= clock.seconds + (_GRACE if roles.at[point, "role"] == "corner" else 0.0)


def _states(net: pandapowerNet, study: Study, answer: RegionAnswer) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Set-points of all states, and their combination and role."""
    always = {k: float(part[0, 0]) for k, part in following(net, study.values, study.controlled, profiled=True).items()}
    rows, roles = [], []
    for number, cell in enumerate(answer.cells):
        for sample in cell.inner.samples:
            written = dict(zip(cell.keys, sample.outcome.setting.values.tolist(), strict=True))
            rows.append({**always, **written})
            roles.append((number, sample.role))
    index = pd.RangeIndex(len(rows), name="point")
    columns = pd.MultiIndex.from_tuples(list(rows[0]) if rows else [], names=["table", "column", "index"])
    frame = pd.DataFrame([list(row.values()) for row in rows], index=index, columns=columns, dtype=float)
    return frame, pd.DataFrame(roles, index=index, columns=["combination", "role"])


def _halfplanes(answer: RegionAnswer) -> pd.DataFrame:
    finite = np.isfinite(answer.supports)
    index = pd.RangeIndex(int(finite.sum()), name="direction")
    return pd.DataFrame(
        {
            "normal_p": answer.normals[finite, 0],
            "normal_q": answer.normals[finite, 1],
            "support_mva": answer.supports[finite],
            "reached_mva": answer.reached[finite],
        },
        index=index,
    )


def _polygon(vertices: FloatArray) -> pd.DataFrame:
    return pd.DataFrame(vertices, columns=["p_mw", "q_mvar"], index=pd.RangeIndex(len(vertices), name="vertex"))


def _inner(answer: RegionAnswer, points: pd.DataFrame, left_out: Sequence[int]) -> pd.DataFrame:
    """Vertices of every polygon; the corners of a combination are its states in the same order."""
    rows = []
    for number, cell in enumerate(answer.cells):
        if number in left_out or not len(cell.inner.polygon):
            continue
        mine = points[(points["combination"] == number) & (points["role"] == "corner")]
        for vertex, (place, point) in enumerate(zip(cell.inner.polygon, mine.index, strict=True)):
            rows.append((number, vertex, float(place[0]), float(place[1]), int(point)))
    frame = pd.DataFrame(rows, columns=["combination", "vertex", "p_mw", "q_mvar", "point"])
    return frame.set_index(["combination", "vertex"])


def _positions(devices: Sequence[Device], answer: RegionAnswer) -> pd.DataFrame:
    """Tap positions and steps in service of every combination."""
    columns: dict[tuple[str, int], list[float]] = {}
    for place, device in enumerate(able(devices, Positioned)):
        for cell in answer.cells:
            for (table, column, element), value in device.written(cell.positions[place]).items():
                if column != "vm_pu":  # a voltage that follows from its tap position
                    columns.setdefault((table, element), []).append(value)
    index = pd.RangeIndex(len(answer.cells), name="combination")
    frame = pd.DataFrame(dict(enumerate(columns.values())), index=index)
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["table", "index"])
    return frame


def broken_in(devices: Sequence[Device], horizon: Timeline, state: pd.DataFrame) -> list[Row]:
    """List the limits of devices that a single row of set-points breaks."""
    return [row for _, _, row in audited(devices, written_in(state, (1, 1)), horizon)]


def joined(parts: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """Put the tables of several periods under each other."""
    return pd.concat(parts, names=["period"]) if parts else pd.DataFrame()
