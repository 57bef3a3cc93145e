r"""Supporting planes of trees without choice at the mean of many points: the mean of planes at parts of the points.

What a stub or a hanging tree loses at a point is above a plane :math:`\alpha_s + \beta_s v_s` of the voltage where it
hangs, whatever topology the rest has.  For the mean of points that is

.. math:: \sum_s w_s (\alpha_s + \beta_s v_s) \ge \bar\alpha + \bar\beta \bar v
    - \sum_s w_s |\beta_s - \bar\beta| \, \tfrac12 (\overline v - \underline v),

as :math:`\sum_s w_s (\beta_s - \bar\beta)` is zero.  The planes at the mean of the points miss what the variance of the
flows within the trees costs; these do not.  More than half of what Jensen's inequality leaves is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adnflex.algorithms.weighted_clusters import weighted_clusters
from adnflex.arrays import FloatArray, IntArray
from adnflex.formulations.directed_planes import Drawn, Planes, find_planes
from adnflex.grid.core import Core
from adnflex.grid.flow import RadialFlow
from adnflex.problems.multi_period.model import bounds_of_means
from adnflex.problems.multi_period.points import Points

# Parts that have planes of their own: so many in all groups together, and as many as help in one.
_PARTS_IN_ALL, _PARTS = 80, 8


def parts_of(points: Points, rows: IntArray, flows: FloatArray, groups: int) -> list[IntArray]:
    """Split a group into parts that have planes of their own: points of like flows together.

    Parameters
    ----------
    points, rows : Points, array of int
        All points, and those of the group.
    flows : (T, axes) array
        See `adnflex.problems.multi_period.points.weighted_flows`.
    groups : int
        How many groups there are: the finer they are, the fewer parts of each are worth their time.
    """
    count = min(_PARTS, max(1, _PARTS_IN_ALL // groups), len(rows))
    labels = weighted_clusters(flows[rows], points.weight[rows], count)
    return [rows[labels == label] for label in range(int(labels.max()) + 1)]


def mean_planes(
    known: Planes,
    points: Points,
    members: Sequence[IntArray],
    *,
    core: Core,
    openable: Sequence[Sequence[int]],
    tree: RadialFlow,
    cap: float,
) -> Planes:
    """Return the planes of a group with those of trees replaced.

    Parameters
    ----------
    known : Planes
        Those at the mean of the group.
    points, members : Points, list of arrays of int
        All points, and those of each part of the group.
    core, openable
        As in `adnflex.formulations.directed_planes.find_planes`.
    tree : RadialFlow
        A good topology, near whose voltages planes shall be tight.
    cap : float
        What the losses of all points of the group are at most, in units of the weights times per unit.
    """
    parts, shares, ranges = [], [], []
    for part in members:
        whole = float(points.weight[part].sum())
        if whole <= 0:
            continue
        share = points.weight[part] / whole
        mean = points.grid.replace(p=share @ points.p[part], q=share @ points.q[part], y=points.y[part[0]].copy())
        bounds = bounds_of_means(mean, points, part)
        state = tree.solve_many(mean.p[None], mean.q[None], mean.y[None]).v[0]
        near = state if np.isfinite(state).all() else None
        parts.append(find_planes(mean, bounds, core, openable, cap / whole, near))
        shares.append(whole)
        ranges.append((bounds.v_min, bounds.v_max))
    half = (np.max([high for _, high in ranges], axis=0) - np.min([low for low, _ in ranges], axis=0)) / 2
    by = np.array(shares) / sum(shares)
    hanging = {v: _mean([p.hanging[v] for p in parts], drawn, by, float(half[v])) for v, drawn in known.hanging.items()}
    stubs = {}
    for key, drawn in known.stubs.items():
        chain, end, _ = key
        node = core.chains[chain].nodes[0 if end == 0 else -1]
        stubs[key] = _mean([p.stubs[key] for p in parts], drawn, by, float(half[node]))
    able = [sorted(set.intersection(*(set(p.able[c]) for p in [known, *parts]))) for c in range(len(core.chains))]
    possible = known.possible and all(p.possible for p in parts)
    return replace(known, hanging=hanging, stubs=stubs, able=able, possible=possible)


def _mean(parts: list[Drawn], known: Drawn, share: FloatArray, half: float) -> Drawn:
    """Average planes of what a tree draws and loses."""

    def averaged(planes: list[FloatArray]) -> FloatArray:
        stacked = np.stack(planes)
        mean = np.tensordot(share, stacked, axes=1)
        mean[0] -= half * np.tensordot(share, np.abs(stacked[:, 1] - mean[1]), axes=1)
        return np.asarray(mean)

    p, q, loss = (averaged([getattr(part, name) for part in parts]) for name in ("p", "q", "loss"))
    return known._replace(p=p, q=q, loss=loss)
