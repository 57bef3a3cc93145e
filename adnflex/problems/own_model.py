"""A model that its caller changes before it is solved: what is done to it, and what its own objective comes to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray, FloatArray
from adnflex.errors import AdnflexError, Infeasible, InputError, SolverError, TimeExpired
from adnflex.problems.clock import Deadline
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.conic import ConicForm
from adnflex.solvers.ending import Ending

#: What a caller does to a model.
Change = Callable[[pyo.ConcreteModel], object]

# Rounding of power flow that no row minds, relative to ``1 + |limit|``.
ROUNDING = 1e-6


@dataclass(frozen=True)
class OwnObjective:
    """What the objective of a changed model comes to.

    Attributes
    ----------
    value : float or None
        In exact power flow; None where the state is not known to keep what was added to the model.
    bound : float or None
        No admissible state has less (proven); None where nothing is proven.
    """

    value: float | None
    bound: float | None

    def words(self, chosen: str, other: str) -> str:
        """Say it for a plan: whose `chosen` are those of the changed model, and whose `other` value has no bound."""
        value = "not known in AC power flow, where what was added to the model may not hold"
        if self.value is not None:
            value = f"{self.value:.6g} in AC power flow"
        least = "nothing is proven of it"
        if self.bound is not None:
            least = f"no admissible state has less than {self.bound:.6g} (proven)"
        return (
            f"the {chosen} are those of a model that its caller changed; its objective is {value}, {least}. Nothing "
            f"is proven of the {other}."
        )


def apply_change(model: pyo.ConcreteModel, change: Change) -> frozenset[str]:
    """Let a caller change a model; return the names of the constraints that it had before.

    Raises
    ------
    InputError
        If the caller's function fails, or leaves no objective that is minimised.

    Examples
    --------
    >>> model = pyo.ConcreteModel()
    >>> apply_change(model, lambda m: m.nothing)
    Traceback (most recent call last):
        ...
    adnflex.errors.InputError: change: raised AttributeError: ...
    """
    known = frozenset(c.name for c in model.component_objects(pyo.Constraint))
    try:
        change(model)
    except (AdnflexError, MemoryError):
        raise
    except Exception as error:  # whatever the caller's own function raises
        raise InputError(
            f"change: raised {type(error).__name__}: {error}; try it on adnflex.model(net, verb, ...), whose `doc` "
            "names the parts."
        ) from error
    # value and bound of what is maximised would stand the wrong way round
    found = list(model.component_data_objects(pyo.Objective, active=True))
    if len(found) != 1 or found[0].sense != pyo.minimize:
        how = ", maximised" if len(found) == 1 else ""
        raise InputError(
            f"change: leaves {len(found)} active objectives{how}; leave one that is minimised, e.g. by "
            "model.objective.set_value(...), with a minus where more is better."
        )
    # what only the old objective had is no column any more
    for variable in model.component_data_objects(pyo.Var):
        if variable.value is None:
            variable.set_value(max(0.0, variable.lb or 0.0), skip_validation=True)
    return known


def nothing_found(status: str, proven: bool, clock: Deadline, solver: str) -> AdnflexError:
    """Say what is known where a changed model gave no answer.

    Parameters
    ----------
    status : str
        How it ended.
    proven : bool
        Whether what has no point in the model has none in power flow.
    clock : Deadline
        The time that it took.
    solver : str
        What did it, and what it said.
    """
    if status == "infeasible":
        return Infeasible(
            f"the model as `change` leaves it has no point that holds in power flow ({_words(proven)}): what was "
            "added, the limits and what may be decided contradict each other; leave change out to see whether there "
            "is a plan.",
            None,
            proven,
        )
    if status in ("time_limit", "interrupted"):
        return TimeExpired(
            f"nothing that the changed model allows was found within {clock.now:.2g} s; it is not proven that there is "
            "nothing. Give more time_limit."
        )
    return SolverError(f"{solver} ended without an answer of the changed model.")


def _words(proven: bool) -> str:
    return "proven" if proven else "not proven"


def least_beside(form: ConicForm, x: FloatArray, held: BoolArray, known: Collection[str]) -> Ending:
    """Find the least objective of a changed model where some columns are held; no point where what was added breaks.

    Parameters
    ----------
    form : ConicForm
        The model.
    x : (N,) array
        Values of the columns that are held.
    held : (N,) array of bool
        Decisions, voltages and flows of exact power flow.
    known : collection of str
        Names of the constraints that were there before the change.
    """
    low, high = np.where(held, x, form.low), np.where(held, x, form.high)
    # power flow meets its own rows but for rounding; rows that say what an added variable is have none
    added = np.array([row is not None and row.parent_component().name not in known for row in form.rows])
    defining = added & (abs(form.a) @ (~held).astype(float) > 0)
    room = [
        np.where(defining, 0.0, ROUNDING * (1 + np.where(np.isfinite(side), np.abs(side), 0.0)))
        for side in (form.row_low, form.row_high)
    ]
    free = form.cones[~held[form.cones].all(axis=1)]
    loose = replace(form, row_low=form.row_low - room[0], row_high=form.row_high + room[1], cones=free)
    return solve_relaxation(loose, low, high)
