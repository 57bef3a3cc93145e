"""Splits of modes: each tells all modes of one chain apart, and what moves most power comes first."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adnflex.formulations.modes import Mode
from adnflex.problems.reconfiguration.splits import Splits


@st.composite
def nodes(draw):
    """Modes of some chains, which of them are left, their shares and what they carry."""
    modes, shares = [], []
    for c in range(draw(st.integers(1, 4))):
        own = [Mode(c, 0, i) for i in range(draw(st.integers(1, 5)))] + [Mode(c, 1, -1), Mode(c, -1, -1)]
        part = np.array(draw(st.lists(st.floats(0, 1), min_size=len(own), max_size=len(own)))) + 1e-9
        modes, shares = modes + own, [*shares, *(part / part.sum())]
    size = len(modes)
    allowed = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    carried = np.array(draw(st.lists(st.floats(0, 5), min_size=size, max_size=size)))
    carried[[m.kind == 0 for m in modes]] = 0.0
    return modes, allowed, np.array(shares), carried


@settings(max_examples=40)
@given(nodes())
def test_a_split_keeps_all_modes_of_its_chain_and_no_other(node):
    modes, allowed, shares, carried = node
    chain = np.array([m.chain for m in modes])
    for known in (None, carried):
        found = Splits(modes, int(chain.max()) + 1).of(allowed, shares, known)
        for split in found:
            both = np.concatenate([split.first, split.second])
            (of,) = np.unique(chain[both])
            assert sorted(both) == np.flatnonzero(allowed & (chain == of)).tolist()
            assert min(len(split.first), len(split.second)) > 0
        # a chain with a choice between open and closed is never left out
        kind = np.array([m.kind for m in modes])
        for c in range(int(chain.max()) + 1):
            left = kind[allowed & (chain == c)]
            if (left == 0).any() and (left != 0).any():
                assert any(chain[s.first[0]] == c for s in found)


def test_a_chain_that_carries_much_comes_before_one_that_is_less_decided():
    modes = [Mode(0, 0, 0), Mode(0, 1, -1), Mode(1, 0, 0), Mode(1, 1, -1)]
    splits, shares = Splits(modes, 2), np.array([0.5, 0.5, 0.83, 0.17])
    everything = np.ones(4, dtype=bool)
    carried = np.array([0.0, 0.001, 0.0, 0.3])
    first = [modes[splits.of(everything, shares, c)[0].first[0]].chain for c in (None, carried)]
    assert first == [0, 1]
    # what is decided moves nothing, whatever it carries
    decided = splits.of(everything, np.array([0.5, 0.5, 0.0, 1.0]), np.array([0.0, 0.001, 0.0, 9.0]))
    assert modes[decided[0].first[0]].chain == 0
