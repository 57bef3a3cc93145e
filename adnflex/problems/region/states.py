"""Exact states of one period at given positions: what set-points import, and how near they come to a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.devices import Supplies, able
from adnflex.grid.flow import RadialFlow
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow
from adnflex.problems.dispatch.state import grids_of
from adnflex.problems.region.model import RegionModel

# A value that is written into the net: table, column, index.
Key = tuple[str, str, int]

# Rounding of power flow: a limit counts as met up to this, in pu and relative to a rating.
_ROUNDING = 1e-8


@dataclass(frozen=True)
class Setting:
    """Set-points of all devices.

    Attributes
    ----------
    values : (c,) array
        What is written into the net, in the order of `PeriodStates.keys`.
    p, q : (n,) array
        Constant-power withdrawal of every node [pu].
    """

    values: FloatArray
    p: FloatArray
    q: FloatArray

    def towards(self, other: Setting, share: float) -> Setting:
        """Return the point between two settings, `share` 1 is the other; admissible where both are."""
        return Setting(*(a + share * (b - a) for a, b in zip(self._parts(), other._parts(), strict=True)))

    def combined(self, others: Sequence[Setting], weights: FloatArray) -> Setting:
        """Return ``self + Σ weight_k (other_k - self)``."""
        parts = self._parts()
        total = list(parts)
        for other, weight in zip(others, weights.tolist(), strict=True):
            for k, (mine, its) in enumerate(zip(parts, other._parts(), strict=True)):
                total[k] = total[k] + weight * (its - mine)
        return Setting(*total)

    def _parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self.values, self.p, self.q


@dataclass(frozen=True)
class EvaluatedSetting:
    """What exact power flow makes of a setting.

    Attributes
    ----------
    setting : Setting
        The setting.
    place : (2,) array
        Import [MW, Mvar].
    margin : float
        To the nearest limit: pu of voltage, share of a rating, import relative to the base; negative where one is
        broken.
    """

    setting: Setting
    place: FloatArray
    margin: float

    @property
    def feasible(self) -> bool:
        """Whether every limit of the network is met."""
        return self.margin >= -_ROUNDING


@dataclass
class PeriodStates:
    """Power flow at fixed positions; counts what it runs.

    Attributes
    ----------
    grid : Grid
        With ratios, root voltages and banks of the positions.
    base : Grid
        The grid of the net as it is, whose ratings count.
    node : int
        Root of the import asked for.
    limits : sequence of Supplies
        Sources with limits.
    keys : tuple of Key
        What a setting writes.
    flows : int
        Power flows so far.
    """

    grid: Grid
    base: Grid
    node: int
    limits: Sequence[Supplies]
    keys: tuple[Key, ...]
    flows: int = 0

    def __post_init__(self) -> None:
        base = self.base
        self._named = np.array([bool(b) for b in base.buses]) & np.isnan(base.root_v)
        self._low, self._high = np.sqrt(base.v_min), np.sqrt(base.v_max)
        rated = base.ratings
        # ratings at a tapped end are kept behind the ratio of the net as it is
        stretch = np.where(rated.at_from, self.grid.ratio[rated.branch] / base.ratio[rated.branch], 1.0)
        self._rating = np.maximum(rated.limit * stretch, 1e-12)
        self._solver = RadialFlow(self.grid)

    def run(self, setting: Setting) -> EvaluatedSetting | None:
        """Return what a setting does; None where power flow has no solution."""
        return self.run_many([setting])[0]

    def run_many(self, settings: Sequence[Setting]) -> list[EvaluatedSetting | None]:
        """Return what settings do, solved together; None where power flow has no solution."""
        if not settings:
            return []
        self.flows += len(settings)
        flow = self._solver.solve_many(np.stack([s.p for s in settings]), np.stack([s.q for s in settings]))
        supplied = flow.supplied[:, self.node] * self.base.base_mva
        places, margins = np.column_stack([supplied.real, supplied.imag]), self._margins(flow)
        return [
            EvaluatedSetting(setting, place, margin) if solved else None
            for setting, place, margin, solved in zip(
                settings, places, margins.tolist(), np.isfinite(flow.loss).tolist(), strict=True
            )
        ]

    def feasible(self, setting: Setting) -> EvaluatedSetting | None:
        """Return what a setting does if it meets every limit."""
        found = self.run(setting)
        return found if found is not None and found.feasible else None

    def _margins(self, flow: Flow) -> FloatArray:
        """Return the margin of every state, see `EvaluatedSetting`."""
        vm = np.sqrt(flow.v[:, self._named])
        least = np.full(len(vm), math.inf)
        if vm.shape[1]:
            inside = np.minimum(vm - self._low[self._named], self._high[self._named] - vm)
            least = np.minimum(least, inside.min(axis=1))
        if len(self._rating):
            loading = flow.currents_at(self.grid, self.base.ratings) / self._rating
            least = np.minimum(least, 1 - loading.max(axis=1))
        for d in self.limits:
            s = flow.supplied[:, d.place.node] * self.base.base_mva
            for end in (s.real - d.p_min, d.p_max - s.real, s.imag - d.q_min, d.q_max - s.imag):
                least = np.minimum(least, end / self.base.base_mva)
        return np.asarray(least)


def open_states(model: RegionModel, now: Grid, keys: tuple[Key, ...]) -> PeriodStates:
    """Make the power flow at the positions of a grid.

    Parameters
    ----------
    model : RegionModel
        The model.
    now : Grid
        The grid at them (see `read_setting`).
    keys : tuple of Key
        What a setting writes.
    """
    dispatch = model.dispatch
    sources = able(dispatch.devices, Supplies)
    return PeriodStates(now, dispatch.points.grid, model.pcc.place.node, sources, keys)


def read_setting(model: RegionModel, x: FloatArray) -> tuple[Setting, Grid, tuple[Key, ...]]:
    """Read the set-points of a point of the relaxation, the grid with them, and what they write.

    Flows and voltages of the point are not used.
    """
    dispatch = model.dispatch
    dispatch.form.load(x)
    plans = [d.schedule(dispatch.model.device[i], dispatch.frame) for i, d in enumerate(dispatch.devices)]
    now = grids_of(dispatch, plans)[0, 0]
    written = {key: float(array[0, 0]) for plan in plans for key, array in plan.setpoints.items()}
    return Setting(np.array(list(written.values()), dtype=float), now.p, now.q), now, tuple(written)
