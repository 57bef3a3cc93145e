"""The upper side of the cone holds for every exact state whose withdrawals lie in the intervals."""

from __future__ import annotations

import numpy as np
import pandapower.networks as pn
import pytest

from adnflex.formulations.bounds import Ranges, compute_bounds
from adnflex.formulations.secants import flow_intervals
from adnflex.grid import read_grid
from adnflex.grid.flow import flow_of
from adnflex.knobs import Limits, Switching


def oberrhein():
    net = pn.mv_oberrhein()
    return read_grid(net, limits=Limits((0.8, 1.2)), switching=Switching(switchable_lines=[]))


def feeder():
    net = pn.case33bw()
    return read_grid(net, limits=Limits((0.7, 1.3)), switching=Switching(switchable_lines=[]))


def cigre():
    net = pn.create_cigre_network_mv(with_der="all")
    return read_grid(net, limits=Limits((0.7, 1.3)), switching=Switching(switchable_lines=[]))


@pytest.mark.parametrize("make", [oberrhein, feeder, cigre])
@pytest.mark.parametrize("reverse", [0.0, 3.0])
def test_exact_states_obey_the_secants(make, reverse):
    """Loads between nothing and their size; with `reverse` also generation of several times the load."""
    grid, rng = make(), np.random.default_rng(7)
    p_low, p_high = np.minimum(grid.p, 0) - reverse * np.abs(grid.p), np.maximum(grid.p, 0)
    q_low, q_high = np.minimum(grid.q, 0), np.maximum(grid.q, 0)
    pairs = [np.stack(pair) for pair in ((p_low, p_high), (q_low, q_high))]
    fixed = [np.stack([a, a]) for a in (grid.y.real, grid.y.imag, grid.root_v, grid.ratio)]
    bounds = compute_bounds(grid, Ranges(*pairs, *fixed))
    wide = [a[:, None, None, :] for a in (*pairs, *fixed[:2])]
    flows = flow_intervals(grid, bounds, fixed[3], *wide)
    assert flows is not None
    tried, tight = 0, 0.0
    for _ in range(15):
        share = rng.uniform(size=(2, grid.n))
        # the ends of the intervals are the hardest
        share = np.where(rng.uniform(size=share.shape) < 0.5, np.round(share), share)
        p, q = p_low + share[0] * (p_high - p_low), q_low + share[1] * (q_high - q_low)
        state = flow_of(grid.replace(p=p, q=q), np.ones(grid.m, dtype=bool))
        inner = np.isnan(grid.root_v)
        if state is None or np.any((state.v < bounds.v_min - 1e-9)[inner] | (state.v > bounds.v_max + 1e-9)[inner]):
            continue
        tried += 1
        low, high = flows.p[:, 0, 0], flows.q[:, 0, 0]
        assert np.all(state.p >= low[0] - 1e-9)
        assert np.all(state.p <= low[1] + 1e-9)
        assert np.all(state.q >= high[0] - 1e-9)
        assert np.all(state.q <= high[1] + 1e-9)
        w = state.v[grid.f] / grid.ratio**2
        right = low.sum(0) * state.p - low.prod(0) + high.sum(0) * state.q - high.prod(0)
        for side in (0, 1):
            el, ew = flows.l[side, 0, 0], flows.w[side]
            left = ew * state.l + el * w - el * ew
            assert np.all(left <= right + 1e-8)
            tight = max(tight, float(np.max(left / np.maximum(right, 1e-9))))
    assert tried >= 5
    assert tight > 0.2  # the rows are no empty promise
