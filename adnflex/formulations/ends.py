"""Which variable is the squared voltage that an end of a branch sees, behind its ratio and 0 where it is open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray, IntArray
from adnflex.grid.model import Grid
from adnflex.solvers.rows import Rows


class BranchEnds:
    """The ends of all branches.

    Parameters
    ----------
    block : pyomo Block
        Has ``v``, ``w_f``, ``w_t`` and ``u`` of `adnflex.formulations.branch_flow.declare_branch_flow`.
    grid : Grid
        Its grid.
    """

    def __init__(self, block: pyo.Block, grid: Grid) -> None:
        free, scaled = (np.array(list(v), dtype=np.int64) for v in (block.w_f, block.u))
        self._variables = block.v, block.w_f, block.w_t, block.u
        self._members = tuple(list(v.values()) for v in self._variables)
        self._from = np.zeros(grid.m, dtype=np.int64), grid.f.copy()
        self._to = np.zeros(grid.m, dtype=np.int64), grid.t.copy()
        for (kind, place), which, branches in ((self._from, 1, free), (self._to, 2, free), (self._from, 3, scaled)):
            kind[branches], place[branches] = which, np.arange(len(branches))

    def at_from(self, branch: int) -> Any:
        """Variable of the from end, behind the ratio."""
        kind, place = self._from
        return self._members[kind[branch]][place[branch]]

    def at_to(self, branch: int) -> Any:
        """Variable of the to end."""
        kind, place = self._to
        return self._members[kind[branch]][place[branch]]

    def add(self, rows: Rows, from_end: bool, row: IntArray, branch: IntArray, value: float | FloatArray) -> None:
        """Add coefficients of the voltages of some ends.

        Parameters
        ----------
        rows : Rows
            Get them.
        from_end : bool
            Which ends.
        row, branch : (k,) array of int
            Rows, and the branch of each.
        value : (k,) array or float
            Coefficients.
        """
        kinds, places = self._from if from_end else self._to
        values = np.broadcast_to(np.asarray(value, dtype=float), branch.shape)
        for which, variable in enumerate(self._variables):
            here = kinds[branch] == which
            if here.any():
                rows.add(variable, row[here], places[branch[here]], values[here])
