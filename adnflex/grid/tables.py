"""Arrays of a grid's state, and its decisions, back into tables under pandapower indices."""

from __future__ import annotations

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray
from adnflex.grid.model import Grid, SwitchableBranch
from adnflex.grid.state import GridState


def bus_table(grid: Grid, v: FloatArray) -> pd.DataFrame:
    """Voltages under pandapower buses: ``vm_pu`` and ``node`` (fused buses share one)."""
    rows = sorted(grid.node_of.items())
    nodes = np.array([node for _, node in rows], dtype=np.int64)
    index = pd.Index([bus for bus, _ in rows], name="bus")
    return pd.DataFrame({"vm_pu": np.sqrt(np.maximum(v[nodes], 0)), "node": nodes}, index=index)


_COLUMNS = [
    "element",
    "index",
    "closed",
    "p_from_mw",
    "q_from_mvar",
    "i_from_ka",
    "i_to_ka",
    "loss_mw",
    "cone_gap",
    "cone_loss_mw",
]


def branch_table(grid: Grid, state: GridState, relaxed: GridState) -> pd.DataFrame:
    """Flows under pandapower elements; the cone's slack is that of the relaxed state.

    Parameters
    ----------
    grid : Grid
        The grid.
    state : State
        What the model says.
    relaxed : State
        What the relaxation said, for its tightness.
    """
    s, gap, invented = state, relaxed.cone_gap(grid), relaxed.invented_loss(grid)
    base_ka = grid.base_mva / np.sqrt(3) / grid.base_kv
    v_from, v_to = s.v[grid.f] / grid.ratio**2, s.v[grid.t]
    rows = []
    for k, branch in enumerate(grid.branches):
        whole = complex(s.p[k], s.q[k]) if s.closed[k] else 0j
        for m in branch.members:
            power = np.conj(m.share) * whole
            current = abs(m.share) ** 2 * s.l[k] * s.closed[k]
            y_from = m.y_from if s.closed[k] else grid.open_from[k]
            y_to = m.y_to if s.closed[k] else grid.open_to[k]
            # current divides by admittance, so a member's own impedance is the branch's over its share
            drop = complex(grid.r[k], grid.x[k]) / m.share * current
            arriving = power - drop
            i_from = current + abs(y_from) ** 2 * v_from[k] + 2 * (y_from.real * power.real - y_from.imag * power.imag)
            i_to = current + abs(y_to) ** 2 * v_to[k] - 2 * (y_to.real * arriving.real - y_to.imag * arriving.imag)
            entering = power + np.conj(y_from) * v_from[k]
            rows.append(
                (
                    m.element,
                    m.index,
                    bool(s.closed[k]),
                    entering.real * grid.base_mva,
                    entering.imag * grid.base_mva,
                    float(np.sqrt(max(i_from, 0.0)) * base_ka[grid.f[k]] / grid.ratio[k]),
                    float(np.sqrt(max(i_to, 0.0)) * base_ka[grid.t[k]]),
                    float((drop.real + y_from.real * v_from[k] + y_to.real * v_to[k]) * grid.base_mva),
                    float(gap[k]),
                    float(invented[k] * grid.base_mva / len(branch.members)),
                )
            )
    return pd.DataFrame(rows, columns=_COLUMNS)


def switch_table(grid: Grid, closed: pd.Series | list[bool]) -> pd.DataFrame:
    """Tabulate the decisions of a grid, before and after, and the open lines that are locked."""
    rows = []
    for branch, after in zip(grid.branches, closed, strict=True):
        d = branch.decision
        if d is None:
            continue
        rows.append(_switch(d, bool(after)))
    rows.extend({**_switch(d, after=False), "how": "locked", "locked": True} for d in grid.locked)
    return pd.DataFrame(rows, columns=_SWITCHES)


_SWITCHES = [
    "element",
    "index",
    "name",
    "from_bus",
    "to_bus",
    "closed_before",
    "closed_after",
    "operated",
    "how",
    "switches",
    "by_service",
    "locked",
]


def _switch(d: SwitchableBranch, after: bool) -> dict[str, object]:
    operated = after != d.closed
    used = d.close_switches if after else d.open_switches
    # A branch out of service that carries switches needs both: the switches and the service flag.
    return {
        "element": d.element,
        "index": d.index,
        "name": d.name,
        "from_bus": d.from_bus,
        "to_bus": d.to_bus,
        "closed_before": d.closed,
        "closed_after": after,
        "operated": operated,
        "how": d.how,
        "switches": list(used) if operated and (after or not d.by_service) else [],
        "by_service": d.by_service,
        "locked": False,
    }
