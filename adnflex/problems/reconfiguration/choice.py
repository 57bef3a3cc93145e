"""Which formulation proves a reconfiguration: the directed hull where its premises hold, or the one asked for."""

from __future__ import annotations

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.formulations import FORMULATIONS, formulation_for, formulation_named
from adnflex.formulations.directed import DIRECTED
from adnflex.formulations.directed_planes import Unproven
from adnflex.grid.model import Grid
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration, build_directed
from adnflex.problems.reconfiguration.model import Reconfiguration, build_reconfiguration
from adnflex.problems.reconfiguration.objective import Objective


def require_formulation(name: str) -> None:
    """Refuse a word that names no formulation of a reconfiguration."""
    if name not in ("auto", DIRECTED.name):
        formulation_named(name, ("auto", DIRECTED.name))


def build_chosen(
    grid: Grid,
    objective: Objective,
    name: str,
    *,
    operations: tuple[int, int | None] = (0, None),
    near: FloatArray | None = None,
    cap: float = float("inf"),
    whole: bool = False,
) -> tuple[Reconfiguration | DirectedReconfiguration, str]:
    """Build the model of a formulation; also why it was taken, where that was left to us.

    Parameters
    ----------
    grid, objective, operations, near, cap, whole
        See `build_directed`.
    name : str
        ``auto``, ``directed`` or a name of `adnflex.formulations.FORMULATIONS`.

    Raises
    ------
    InputError
        If ``directed`` is asked for and a premise of it does not hold.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> problem, why = build_chosen(read_grid(pn.case33bw()), Objective(losses=1.0), "auto")
    >>> why
    'formulation: directed, as every bound that it needs is proven for this net.'
    """
    if name not in ("auto", DIRECTED.name):
        return build_reconfiguration(grid, objective, formulation=FORMULATIONS[name], operations=operations), ""
    try:
        problem = build_directed(grid, objective, operations=operations, near=near, cap=cap, whole=whole)
    except Unproven as reason:
        if name == DIRECTED.name:
            raise InputError(
                f"formulation='directed' does not apply to this net: no bound is proven for {reason}; give 'auto', "
                "which takes it where it applies, or 'distflow'."
            ) from reason
        other, _ = formulation_for("auto", grid.m, switched=True)
        more = "" if other.bounds_ac else ", and the cones of distflow are too many"
        why = f"formulation: {other.name}, as no bound of the directed hull is proven for {reason}{more}."
        return build_reconfiguration(grid, objective, formulation=other, operations=operations), why
    return (
        problem,
        "formulation: directed, as every bound that it needs is proven for this net." if name == "auto" else "",
    )
