"""Exchange, purchase and spill."""

from __future__ import annotations

import numpy as np
import pytest

from adnflex.problems.rolling.settlement import bought, settle


def test_hand_numbers_without_a_limit():
    imports, exports, buys, spills = settle(np.array([50.0, -30.0, -90.0]), np.full(3, 300.0))
    assert imports.tolist() == pytest.approx([0, 12.5, 37.5])
    assert exports.tolist() == pytest.approx([50, 0, 0])
    assert buys.tolist() == pytest.approx([0, 17.5, 52.5])
    assert spills.tolist() == pytest.approx([0, 0, 0])


def test_hand_numbers_with_a_limit():
    imports, exports, buys, spills = settle(np.array([100.0, 20.0, -30.0]), np.full(3, 25.0))
    assert imports.tolist() == pytest.approx([0, 0, 25])
    assert exports.tolist() == pytest.approx([25 * 25 / 45, 25 * 20 / 45, 0])
    assert buys.tolist() == pytest.approx([0, 0, 5])
    assert spills.sum() == pytest.approx(95)


def test_no_exchange():
    imports, exports, buys, spills = settle(np.array([10.0, -4.0]), np.zeros(2))
    assert imports.sum() == exports.sum() == 0
    assert (buys.tolist(), spills.tolist()) == ([0, 4], [10, 0])


@pytest.mark.parametrize("limit", [0.0, 40.0, 1e9])
def test_balance_and_the_short_way(limit):
    residual = np.random.default_rng(0).normal(0, 100, (8, 200))
    cap = np.full(8, limit)
    imports, exports, buys, spills = settle(residual, cap)
    assert np.allclose(residual + imports - exports + buys - spills, 0)
    assert np.allclose(imports.sum(axis=0), exports.sum(axis=0))
    assert (np.minimum(buys, spills) == 0).all()
    assert max(imports.max(), exports.max()) <= limit + 1e-9
    assert np.allclose(bought(residual, cap[:, None]), buys.sum(axis=0))
