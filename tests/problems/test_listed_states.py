"""Lists of radial states within some operations, and sequences over them, against all states."""

from __future__ import annotations

import numpy as np
import pytest

import adnflex
from adnflex.grid import read_grid
from adnflex.grid.topology import must_close
from adnflex.problems.multi_period import all_sequences
from adnflex.problems.multi_period.listed_states import all_states, states_within
from tests.nets import random_net
from tests.problems.test_multi_period import agree, cheapest, enumerated, random_hours


@pytest.mark.parametrize("seed", range(12))
def test_states_within_a_budget_are_those_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = random_net(rng, n_bus=(4, 9), n_loops=(1, 3), present=("radial", "meshed", "random")[seed % 3])
    grid = read_grid(net, need_limits=False)
    every = all_states(grid, must_close(grid), 10**5)
    assert every is not None
    for budget in range(7):
        few, listed = (states_within(grid, must_close(grid), budget, 10**5, known) for known in (every, None))
        assert few is not None
        assert listed is not None
        rows = sorted(map(tuple, listed.tolist()))
        assert rows == sorted(map(tuple, few.tolist()))
        assert len(set(rows)) == len(rows)
    assert states_within(grid, must_close(grid), 6, len(rows) - 1) is None


@pytest.mark.parametrize("most", [2, 3, 4])
def test_a_budget_needs_no_list_of_all_states(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on grids whose states are too many: only those within the budget are listed, and that is a proof."""
    monkeypatch.setattr(all_sequences, "all_states", lambda *_: None)
    rng = np.random.default_rng(40 + most)
    net = random_net(rng, n_bus=(5, 7), n_loops=(2, 2), present="radial", generation=bool(most % 2), limits="tight")
    profiles = random_hours(net, rng, 3)
    losses, opened, away = enumerated(net, profiles, 3)
    asked = {"profiles": profiles, "hours_per_period": 1.0, "windows": 1.0, "workers": 1, "gap": 1e-7}
    truth = cheapest(losses, opened, away, 0.0, most)
    agree(net, truth, {**asked, "max_operations": most})
    if np.isfinite(truth):
        plan = adnflex.reconfigure(net, max_operations=most, **asked)
        assert isinstance(plan, adnflex.MultiPeriodPlan)
        assert plan.status == "optimal"
        assert f"radial states within {most} operations" in plan.solver
        # of more operations nothing is said, and with fewer no plan is better than its bound
        for count, row in zip(plan.value_of_switching.index, plan.value_of_switching.itertuples(), strict=True):
            known = cheapest(losses, opened, away, 0.0, int(count))
            assert row.bound <= known + 1e-9
            assert np.isfinite(row.bound) == (count <= most)
