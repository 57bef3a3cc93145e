"""What a model needs, and which solver can: a table, and whatever else Pyomo knows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from adnflex.errors import SolverUnavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Capability:
    """What a solver can do, as data.

    Attributes
    ----------
    integers, cones, exact : bool
        Whether it takes integers, convex cones, and the nonconvex equality of the cone.
    pyomo : str
        Its name in Pyomo's solver factory; empty where it is called directly.
    get : str
        How to get it.
    """

    integers: bool
    cones: bool
    exact: bool
    pyomo: str = ""
    get: str = ""


# Adding a solver is one line here.
SOLVERS: dict[str, Capability] = {
    "highs": Capability(integers=True, cones=True, exact=False),
    "clarabel": Capability(integers=False, cones=True, exact=False),
    "scip": Capability(integers=True, cones=True, exact=True, pyomo="scip_direct"),
    "gurobi": Capability(
        integers=True, cones=True, exact=True, pyomo="gurobi_direct_minlp", get="pip install gurobipy"
    ),
    "cplex": Capability(integers=True, cones=True, exact=False, pyomo="cplex_direct", get="pip install cplex"),
    "xpress": Capability(integers=True, cones=True, exact=False, pyomo="xpress_direct", get="pip install xpress"),
    "mosek": Capability(integers=True, cones=True, exact=False, pyomo="mosek_direct", get="pip install Mosek"),
}


def installed(name: str) -> bool:
    """Whether a solver of the table can be used here.

    Examples
    --------
    >>> installed("highs"), installed("scip")
    (True, True)
    """
    found = SOLVERS.get(name) or plugin(name)
    return found is not None and (not found.pyomo or pyomo_solver(found.pyomo) is not None)


def capability_of(name: str) -> Capability:
    """Return what a solver can do, of the table or of a plug-in that Pyomo knows.

    Raises
    ------
    SolverUnavailable
        If neither knows it, or it cannot be used here.
    """
    found = SOLVERS.get(name) or plugin(name)
    if found is None:
        raise SolverUnavailable(f"solver {name!r} is {_why_not(name)}.")
    return found


def plugin(name: str) -> Capability | None:
    """Return what a solver that only Pyomo knows says of itself; None where Pyomo has none of that name that is usable.

    A cone is a convex quadratic constraint to it. Whatever it returns is measured like every other answer.
    """
    solver = pyomo_solver(name) if known_to_pyomo(name) else None
    if solver is None:
        return None
    tells = getattr(solver, "has_capability", lambda feature: True)
    return Capability(bool(tells("integer")), bool(tells("quadratic_constraint")), False, name)


def known_to_pyomo(name: str) -> bool:
    """Whether Pyomo has a solver of that name, installed or not.

    Examples
    --------
    >>> known_to_pyomo("glpk"), known_to_pyomo("no such solver")
    (True, False)
    """
    from pyomo.contrib.solver.common.factory import SolverFactory as NewFactory

    return name in NewFactory or name in pyo.SolverFactory


def _why_not(name: str) -> str:
    return "known to Pyomo, not installed here or without a licence" if known_to_pyomo(name) else "unknown"


def pyomo_solver(name: str) -> Any:
    """Pyomo's solver object, of its new interface where there is one; None where it is not usable."""
    from pyomo.contrib.solver.common.factory import SolverFactory as NewFactory

    noisy = logging.getLogger("pyomo")
    level = noisy.level
    noisy.setLevel(logging.ERROR)  # Pyomo warns of every optional module that is not there
    try:
        for factory in (NewFactory, pyo.SolverFactory):
            try:
                solver = factory(name)
                if solver is not None and solver.available():
                    return solver
            except Exception as error:  # unknown name or missing licence: every plug-in fails in its own way
                log.debug("solver %s: %s", name, error)
    finally:
        noisy.setLevel(level)
    return None


def pick(wanted: str, *, integers: bool, cones: bool, exact: bool = False) -> str:
    """Choose a solver for what a model needs.

    Parameters
    ----------
    wanted : str
        ``auto``, a name of `SOLVERS`, or any solver that Pyomo knows and finds.
    integers, cones, exact : bool
        What the model needs.

    Raises
    ------
    SolverUnavailable
        If the name is unknown, not installed or cannot do it.

    Examples
    --------
    >>> pick("auto", integers=False, cones=True), pick("auto", integers=True, cones=True)
    ('clarabel', 'highs')
    >>> pick("clarabel", integers=True, cones=False)
    Traceback (most recent call last):
    ...
    adnflex.errors.SolverUnavailable: solver 'clarabel' cannot take integers; use auto or one of: highs, scip.
    """
    needs = {"integers": integers, "cones": cones, "exact": exact}
    able = [n for n, c in SOLVERS.items() if all(getattr(c, k) for k, v in needs.items() if v)]
    ready = [n for n in able if installed(n)]
    choices = f"use auto or one of: {', '.join(ready) or 'none is installed'}."
    if wanted == "auto":
        preferred = [n for n in (("clarabel",) if cones and not integers else ()) if n in ready] + ready
        if preferred:
            return preferred[0]
        raise SolverUnavailable(f"no installed solver can take {_words(needs)}; install one of: {', '.join(able)}.")
    known = SOLVERS.get(wanted) or plugin(wanted)
    if known is None:
        raise SolverUnavailable(f"solver {wanted!r} is {_why_not(wanted)}; {choices}")
    if lacking := [k for k, v in needs.items() if v and not getattr(known, k)]:
        raise SolverUnavailable(f"solver {wanted!r} cannot take {_words(dict.fromkeys(lacking, True))}; {choices}")
    if not installed(wanted):
        how = f" ({known.get}, and its licence)" if known.get else ""
        raise SolverUnavailable(f"solver {wanted!r} is not installed or has no licence here{how}; {choices}")
    return wanted


def _words(needs: dict[str, bool]) -> str:
    words = {"integers": "integers", "cones": "cones", "exact": "the exact (nonconvex) branch flow equations"}
    return ", ".join(words[k] for k, v in needs.items() if v) or "linear problems"
