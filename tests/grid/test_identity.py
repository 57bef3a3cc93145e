"""Texts of a fingerprint are those that pandas writes, whatever the values are."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from adnflex.grid.identity import _as_csv, _told

WORDS = [
    None,
    "",
    "a",
    "a,b",
    'q"x',
    "l\nm",
    "l\rm",
    " x ",
    "é",
    "#",
    "nan",
    "None",
    "'",
    "a;b",
    "0",
    "\t",
    True,
    False,
]


@pytest.mark.parametrize("more", [[], [np.nan], [pd.NA], [1.5], [7]], ids=str)
def test_a_column_of_objects_is_told_as_pandas_writes_it(more):
    for pair in itertools.product([*WORDS, *more], repeat=2):
        for values in (pair[:1], pair):
            series = pd.Series(values, dtype=object)
            assert _told(series) == _as_csv(series), values
    assert _told(pd.Series([True, False])) == _as_csv(pd.Series([True, False]))
