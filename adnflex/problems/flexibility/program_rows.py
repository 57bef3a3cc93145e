"""Where the columns of a program of a box stand, and its rows as they are collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adnflex.arrays import FloatArray, IntArray

# Kinds of rows that are of no network limit (see `Program.label`).
ENERGY, OTHER = 4, 5


@dataclass(frozen=True)
class Layout:
    """Where the columns of a program stand.

    Attributes
    ----------
    copies, periods, width : int
        Copies, periods, columns of all resources.
    lower, upper : (T,) array of int
        Columns of the box.
    """

    copies: int
    periods: int
    width: int

    @property
    def lower(self) -> IntArray:
        """Columns of the lower end."""
        return self.copies * self.periods * self.width + np.arange(self.periods)

    @property
    def upper(self) -> IntArray:
        """Columns of the upper end."""
        return self.lower + self.periods

    def at(self, copy: int, t: int) -> int:
        """First column of a copy in a period."""
        return (copy * self.periods + t) * self.width

    def dispatch(self, x: FloatArray, copy: int) -> FloatArray:
        """Columns (T, width) of a copy."""
        first = self.at(copy, 0)
        return np.asarray(x[first : first + self.periods * self.width]).reshape(self.periods, self.width)


class ProgramRows:
    """Rows of a sparse matrix, collected block by block."""

    def __init__(self) -> None:
        self.i: list[IntArray] = []
        self.j: list[IntArray] = []
        self.value: list[FloatArray] = []
        self.low: list[FloatArray] = []
        self.high: list[FloatArray] = []
        self.label: list[IntArray] = []
        self.key: list[IntArray] = []
        self.others = 0
        self.count = 0

    def add(
        self,
        blocks: Sequence[tuple[FloatArray, IntArray]],
        low: FloatArray,
        high: FloatArray,
        label: IntArray,
        key: tuple[int, IntArray] | None = None,
    ) -> None:
        """Add rows; every block is a dense (r, c) array and the columns (c,) that it stands in."""
        for a, columns in blocks:
            i, j = np.nonzero(a)
            self.i.append(i + self.count)
            self.j.append(columns[j])
            self.value.append(a[i, j])
        self.low.append(low)
        self.high.append(high)
        self.label.append(label)
        if key is None:
            key = -1, np.arange(self.others, self.others + len(high))
            self.others += len(high)
        self.key.append(np.column_stack([np.full(len(high), key[0]), key[1]]))
        self.count += len(high)
