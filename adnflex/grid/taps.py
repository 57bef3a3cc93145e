"""Tap positions of transformers as steps of a branch's ratio.

The parameters of every position come from pandapower's own converter.  Seen from the untapped side the impedance
does not depend on the position, so a branch is turned round where its tap is at the to end: then only the ratio at
the from end moves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pandapower import pandapowerNet

from adnflex.errors import InputError, UnsupportedElement
from adnflex.grid.branches import BranchRow, branch_rows
from adnflex.grid.model import Branch, BranchTaps, Grid, Member
from adnflex.grid.ppc import Matrices, matrices
from adnflex.grid.private_copy import private_copy
from adnflex.grid.ratings import collect_ratings


def with_taps(net: pandapowerNet, study: pandapowerNet, mats: Matrices, grid: Grid, trafos: list[int]) -> Grid:
    """Return the grid with the tap positions of some transformers as steps.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    study : pandapowerNet
        The private copy with all switchable branches closed.
    mats : Matrices
        What pandapower makes of it.
    grid : Grid
        The grid read from both.
    trafos : list of int
        The transformers; those in parallel must all be named and have the same positions.

    Raises
    ------
    InputError, UnsupportedElement
        For missing or odd tap data, by transformer.
    """
    groups = _groups(net, grid, trafos)
    steps = {k: _positions(net, members) for k, members in groups.items()}
    chosen = {(b.decision.element, b.decision.index): b.decision for b in grid.branches if b.decision is not None}
    rows: dict[int, list[BranchRow]] = {k: [] for k in groups}
    work = private_copy(study)
    for step in range(max((len(s) for s in steps.values()), default=0)):
        for k, members in groups.items():
            work.trafo.loc[list(members), "tap_pos"] = list(steps[k][min(step, len(steps[k]) - 1)])
        found, _ = branch_rows(work, matrices(work, mats.options), chosen, grid.base_mva)
        for k in groups:
            if step < len(steps[k]):
                rows[k].append(found[k])
    for k, members in groups.items():
        grid = _with_steps(net, grid, k, members, steps[k], rows[k])
    return grid.replace(ratings=collect_ratings(grid.branches))


def _groups(net: pandapowerNet, grid: Grid, trafos: list[int]) -> dict[int, tuple[int, ...]]:
    """Branch and transformers of every group that moves together."""
    faults: list[str] = []
    groups: dict[int, tuple[int, ...]] = {}
    where = {(m.element, m.index): k for k, b in enumerate(grid.branches) for m in b.members}
    for i in trafos:
        k = where.get(("trafo", i))
        if k is None:
            continue  # not in service or not supplied: nothing to move
        branch = grid.branches[k]
        if branch.decision is not None:
            faults.append(f"trafo {i}: its tap and its switch are both decisions; leave it out of switchable_switches.")
            continue
        members = tuple(m.index for m in branch.members)
        if others := [m.index for m in branch.members if m.element != "trafo" or m.index not in trafos]:
            faults.append(
                f"trafo {i}: is in parallel with {', '.join(map(str, others))}, whose tap does not move; parallel "
                "transformers have to move together: set controllable for all of them or none."
            )
            continue
        groups[k] = members
    if faults:
        raise UnsupportedElement(faults)
    return groups


def _positions(net: pandapowerNet, members: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Tap positions of a group, one tuple a step."""
    faults: list[str] = []
    ranges: list[list[int]] = []
    for i in members:
        row = net.trafo.loc[i]
        kind = row.get("tap_changer_type")
        if kind is None or kind != kind or str(kind) != "Ratio":
            faults.append(
                f"trafo {i}: tap_changer_type is {kind!r}, and pandapower then ignores its tap or turns the phase; set "
                "trafo.tap_changer_type to 'Ratio' to have it dispatched, or controllable to False."
            )
            continue
        if float(np.nan_to_num(row.get("tap_step_degree", 0.0))) != 0.0:
            faults.append(f"trafo {i}: tap_step_degree is {row['tap_step_degree']:g}; only ratio taps are dispatched.")
        if row.get("tap_side") not in ("hv", "lv"):
            faults.append(
                f"trafo {i}: tap_side is {row.get('tap_side')!r}; a dispatched tap changer needs 'hv' or 'lv'."
            )
        values = {c: row.get(c, np.nan) for c in ("tap_pos", "tap_min", "tap_max", "tap_neutral", "tap_step_percent")}
        missing = [c for c, v in values.items() if v is None or not np.isfinite(float(v))]
        if missing:
            faults.append(f"trafo {i}: {', '.join(missing)} missing; a dispatched tap changer needs them.")
            continue
        low, high, now = int(values["tap_min"]), int(values["tap_max"]), int(values["tap_pos"])
        if not low <= now <= high:
            faults.append(f"trafo {i}: tap_pos is {now}, outside tap_min {low} and tap_max {high}.")
        if float(values["tap_pos"]) != now:
            faults.append(f"trafo {i}: tap_pos is {values['tap_pos']}, not an integer.")
        ranges.append(list(range(low, high + 1)))
    if faults:
        raise InputError(faults)
    same = [net.trafo.loc[list(members), c].nunique() == 1 for c in ("tap_pos", "tap_min", "tap_max")]
    if not all(same):
        raise UnsupportedElement(
            f"trafo {', '.join(map(str, members))}: are in parallel with different tap_pos, tap_min or tap_max; give "
            "them the same."
        )
    return list(zip(*ranges, strict=True))


def _with_steps(
    net: pandapowerNet,
    grid: Grid,
    k: int,
    members: tuple[int, ...],
    steps: list[tuple[int, ...]],
    rows: list[BranchRow],
) -> Grid:
    ratio = np.array([row.ratio for row in rows])
    z = np.array([complex(row.r, row.x) for row in rows])
    shunt = np.array([[row.y_from, row.y_to] for row in rows])
    present = steps.index(tuple(int(net.trafo.at[i, "tap_pos"]) for i in members))
    if _constant(z) and _constant(shunt):
        return grid.replace(taps=(*grid.taps, BranchTaps(k, members, tuple(steps), ratio, present)))
    if not (_constant(z * ratio**2) and _constant(shunt / ratio[:, None] ** 2)):
        raise UnsupportedElement(
            f"trafo {', '.join(map(str, members))}: its impedance changes with the tap position in a way that no ideal "
            "ratio explains; remove its tap-dependent impedance or set controllable to False."
        )
    taps = BranchTaps(k, members, tuple(steps), 1 / ratio, present)
    return _flip(grid, k, float(ratio[present])).replace(taps=(*grid.taps, taps))


def _constant(values: np.ndarray) -> bool:
    return bool(np.allclose(values, values[:1], rtol=1e-9, atol=1e-12))


def _flip(grid: Grid, k: int, ratio: float) -> Grid:
    """Turn a branch round, everything seen from its old from side of the ratio."""
    old = grid.branches[k]
    turned = tuple(_flipped_member(m, ratio) for m in old.members)
    arrays = {name: getattr(grid, name).copy() for name in ("f", "t", "r", "x", "ratio", "y_from", "y_to")}
    arrays["f"][k], arrays["t"][k] = grid.t[k], grid.f[k]
    arrays["r"][k], arrays["x"][k] = grid.r[k] * ratio**2, grid.x[k] * ratio**2
    arrays["ratio"][k] = 1 / ratio
    arrays["y_from"][k], arrays["y_to"][k] = grid.y_to[k] / ratio**2, grid.y_from[k] / ratio**2
    branches = list(grid.branches)
    branches[k] = Branch(turned, old.decision, not old.flipped)
    return grid.replace(**arrays, branches=tuple(branches))


def _flipped_member(m: Member, ratio: float) -> Member:
    return replace(
        m,
        y_from=m.y_to / ratio**2,
        y_to=m.y_from / ratio**2,
        i_max_from=m.i_max_to / ratio,
        i_max_to=m.i_max_from / ratio,
    )
