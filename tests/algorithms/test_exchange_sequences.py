"""Sequences over all spanning trees, against every sequence looked at one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from adnflex.algorithms.exchange_sequences import ExchangeSequences
from adnflex.algorithms.spanning_trees import spanning_trees


@pytest.mark.parametrize("seed", range(8))
def test_the_cheapest_sequence_is_that_of_enumeration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 6))
    edges = [(k, int(rng.integers(k))) for k in range(1, n)]
    edges += [(int(a), int(b)) for a, b in rng.integers(0, n, (int(rng.integers(1, 4)), 2)) if a != b]
    trees = np.sort(np.array([list(out) for out in spanning_trees(n, edges)], dtype=np.int64), axis=1)
    count, windows = len(trees), 3
    sets = [frozenset(row) for row in trees.tolist()]
    apart = np.array([[len(a ^ b) for b in sets] for a in sets])
    costs = rng.uniform(0, 1, (windows, count))
    costs[rng.uniform(size=costs.shape) < 0.2] = np.inf
    first, price = apart[0], float(rng.choice([0.0, 0.05, 0.3]))
    best = np.full(40, np.inf)
    for path in itertools.product(range(count), repeat=windows):
        changed = int(first[path[0]] + sum(apart[a, b] for a, b in itertools.pairwise(path)))
        value = sum(costs[w, k] for w, k in enumerate(path)) + price * changed
        best[changed:] = np.minimum(best[changed:], value)
    sequences = ExchangeSequences(trees, len(edges), first, price)
    value, path = sequences.solve(costs)
    assert value == pytest.approx(best[-1])
    for most, (bounded, _) in enumerate(sequences.solve_each(costs, 8)):
        assert bounded == pytest.approx(best[most])
    if path:
        changed = int(first[path[0]] + sum(apart[a, b] for a, b in itertools.pairwise(path)))
        assert value == pytest.approx(sum(costs[w, k] for w, k in enumerate(path)) + price * changed)
