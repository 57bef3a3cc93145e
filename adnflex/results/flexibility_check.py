"""What full AC power flow says about a box of flexibility."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from adnflex.results.base import Verdict
from adnflex.results.scope import looked_at


@dataclass(frozen=True, repr=False, eq=False)
class FlexibilityCheck(Verdict):
    """What full AC power flow says about a box.

    Attributes
    ----------
    passed : bool
        Whether every trajectory tried was followed within every limit.
    verdict : str
        One sentence for the reader.
    trajectories, vertices, states : int
        Random trajectories tried, vertices of the box tried, and power flows run.
    seed : int
        Of the random trajectories.
    worst_error_kw : float
        Largest difference between a trajectory and the import that power flow gives [kW].
    ac : pandas.DataFrame
        One row a power flow: ``period``, ``share``, ``wanted_mw``, ``import_mw``, ``vm_min_pu``, ``vm_min_bus``,
        ``vm_max_pu``, ``vm_max_bus``, ``loading_percent``, ``loading_element``, ``loading_index``, ``losses_mw``.
    limits : pandas.DataFrame
        One row a kind of limit, as in `DispatchCheck.limits` (without scenario; ``trajectory`` instead where the
        limit belongs to a whole trajectory).
    violations : pandas.DataFrame
        ``trajectory``, ``period``, ``kind``, ``element``, ``index``, ``value``, ``limit``, ``excess``, ``unit``.
    examples : pandas.DataFrame
        Index: period; columns ``(trajectory, name)`` with the names ``wanted_mw``, ``import_mw`` of some trajectories.
    example_setpoints : pandas.DataFrame
        Index ``(trajectory, period)``; columns ``(table, column, index)``: the dispatch of these examples.
    certificate : float or None
        `Flexibility.certificate`, of the useful width, where the box passed; None else, or where no bound of it is
        known.
    options, notes, versions
        As in `Flexibility`.
    """

    trajectories: int
    vertices: int
    states: int
    seed: int
    worst_error_kw: float
    ac: pd.DataFrame
    limits: pd.DataFrame
    violations: pd.DataFrame
    examples: pd.DataFrame
    example_setpoints: pd.DataFrame
    certificate: float | None = None

    _form = "adnflex-flexibility-check-2"
    _best = "the largest useful width (losses taken out) of all boxes in AC"

    @property
    def scope(self) -> str:
        """What was looked at: the states of random trajectories and of vertices, and how far goes what has no limit."""
        points = (
            f"{self.states} states of {self.trajectories} random trajectories and {self.vertices} vertices of the box"
        )
        kinds = self.limits["kind"].astype(str) if "kind" in self.limits else pd.Series(dtype=str)
        if kinds.str.contains("loading|current").any() or not len(self.ac) or self.ac["loading_percent"].isna().all():
            return looked_at(points, self.limits)
        worst = self.ac.loc[self.ac["loading_percent"].idxmax()]
        place = pd.MultiIndex.from_tuples([(worst["loading_element"], int(worst["loading_index"]))])
        reached = pd.Series([float(worst["loading_percent"])], index=place)
        return looked_at(points, self.limits, reached, pd.Series(math.nan, index=place))
