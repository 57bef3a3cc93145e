"""The objective of a reconfiguration: a weighted sum of losses, switching and voltage deviation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adnflex.arrays import BoolArray, FloatArray
from adnflex.errors import InputError
from adnflex.grid.model import Grid
from adnflex.grid.state import GridState

_TERMS = ("losses", "switching", "voltage")
_UNITS = {"losses": "MW", "switching": "operations", "voltage": "pu"}


@dataclass(frozen=True)
class Objective:
    """Weights of the three terms.

    Attributes
    ----------
    losses : float
        Weight of the active losses [1/MW].
    switching : float
        Weight of one switching operation.
    voltage : float
        Weight of the mean voltage deviation ``mean |v - 1| / 2`` over the nodes [1/pu], `v` the squared voltage.
    """

    losses: float = 0.0
    switching: float = 0.0
    voltage: float = 0.0

    @property
    def weights(self) -> dict[str, float]:
        """The weights that are not zero."""
        return {k: getattr(self, k) for k in _TERMS if getattr(self, k) != 0}

    @property
    def name(self) -> str:
        """``losses``, ``switching``, ``voltage`` or ``mix``."""
        used = self.weights
        return next(iter(used)) if len(used) == 1 and set(used.values()) == {1.0} else "mix"

    @property
    def unit(self) -> str:
        """Unit of the objective value."""
        return _UNITS.get(self.name, "weighted")

    def value(self, losses_mw: float, operations: int, deviation_pu: float) -> float:
        """Objective of a state."""
        return self.losses * losses_mw + self.switching * operations + self.voltage * deviation_pu

    def of_flow(self, grid: Grid, flow: GridState) -> float:
        """Objective of a state of the grid."""
        off = deviation(flow.v, measured(grid))
        return self.value(float(flow.loss) * grid.base_mva, operations(grid, flow.closed), off)

    def of_states(self, grid: Grid, states: GridState) -> FloatArray:
        """Objective of each of many states, (B,)."""
        counted = np.count_nonzero(states.closed != grid.closed, axis=-1)
        off = (np.abs(states.v[..., measured(grid)] - 1)).mean(axis=-1) / 2
        return np.asarray(self.losses * grid.base_mva * states.loss + self.switching * counted + self.voltage * off)


def measured(grid: Grid) -> BoolArray:
    """Nodes whose voltage counts: those that stand for a pandapower bus."""
    return np.array([bool(b) for b in grid.buses])


def operations(grid: Grid, closed: BoolArray) -> int:
    """Count the branches whose state differs from the present one."""
    return int(np.count_nonzero(closed != grid.closed))


def deviation(v: np.ndarray, counted: BoolArray) -> float:
    """Average the deviation from 1 pu, ``|v - 1| / 2`` of the squared voltages [pu]."""
    return float(np.mean(np.abs(v[counted] - 1)) / 2)


def parse_objective(objective: str | Mapping[str, float], switching_cost: float = 0.0) -> Objective:
    """Read the caller's objective.

    Parameters
    ----------
    objective : str or mapping
        ``losses``, ``switching``, ``voltage``, or weights such as ``{"losses": 1.0, "voltage": 0.1}``.
    switching_cost : float
        Cost of one switching operation, in the unit of the objective (for ``losses``: MW an operation).

    Raises
    ------
    InputError
        On an unknown term or a weight that is negative or not a number.

    Examples
    --------
    >>> parse_objective("losses").name
    'losses'
    >>> parse_objective({"losses": 1.0, "switching": 0.001}).unit
    'weighted'
    """
    given: Mapping[str, float] = {objective: 1.0} if isinstance(objective, str) else dict(objective)
    unknown = [k for k in given if k not in _TERMS]
    if unknown or not given:
        raise InputError(f"objective {objective!r} is unknown; give 'losses', 'switching', 'voltage' or their weights.")
    weights = {k: float(v) for k, v in given.items()}
    weights["switching"] = weights.get("switching", 0.0) + float(switching_cost)
    bad = {k: v for k, v in weights.items() if not (np.isfinite(v) and v >= 0)}
    if bad or not any(weights.values()):
        raise InputError(f"objective weights {weights} are not valid; give numbers of 0 or more, at least one above 0.")
    return Objective(**weights)
