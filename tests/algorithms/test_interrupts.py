"""An interrupt must never make a bound look better than it is."""

from __future__ import annotations

import math

import pytest

from adnflex.algorithms.branch_and_bound import Alternative, Relaxed, branch_and_bound
from tests.algorithms.toys import tree


@pytest.mark.parametrize("at", range(6))
def test_a_node_that_was_being_solved_keeps_its_bound(at):
    """Minimise ``(x - 2.6)²`` over 0…15 with an interrupt in the middle of the relaxation number `at`."""
    optimum = (3 - 2.6) ** 2
    calls = [0]

    def relax(node):
        calls[0] += 1
        if calls[0] == at + 1:
            raise KeyboardInterrupt
        low, high = node
        return Relaxed((min(max(2.6, low), high) - 2.6) ** 2, None)

    def split(node, point):
        low, high = node
        middle = (low + high) // 2
        return [] if low == high else [Alternative(0.5, ((low, middle), (middle + 1, high)))]

    known = (9, (9 - 2.6) ** 2)
    outcome = branch_and_bound(
        tree(relax, split, lambda node: (node[0] - 2.6) ** 2, lambda: known), gap=0.0, seconds=10
    )
    assert outcome.status == "interrupted"
    assert outcome.bound <= optimum
    assert outcome.bound == -math.inf or outcome.bound >= 0
