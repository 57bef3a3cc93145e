"""What a solver's ending means: the one place where what a solver says becomes an answer, or none.

Every call of a solver in this library is made by `listen` and read by `believe`. A solver is a witness: its point is
measured, its objective is computed again, its bound is checked or replaced by one that holds whatever the solver did,
its "infeasible" is asked for a certificate. "Not solved" is never "refuted": where nothing is proven the status is
``failed`` and the bound is -inf, and whoever asked keeps what was known before.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from adnflex.arrays import FloatArray

log = logging.getLogger(__name__)


# All there is.
STATUSES = ("optimal", "infeasible", "unbounded", "time_limit", "interrupted", "failed")

# What a solver says before it is asked again.
INFEASIBLE_OR_UNBOUNDED = "infeasible or unbounded"

# Violation, relative to 1 + |limit|, up to which a point is believed.
RESIDUAL = 1e-5

# Relative difference up to which two reckonings of one objective are the same, and a bound may pass its value.
_SAME = 1e-5


@dataclass(frozen=True)
class Said:
    """What a solver said of a minimisation; not yet believed.

    Attributes
    ----------
    ending : str
        One of `STATUSES` or `INFEASIBLE_OR_UNBOUNDED`.
    words : str
        The solver's own name of it.
    x : (n,) array or None
        Its point.
    objective, bound : float
        Value of the point and lower bound, by the solver; NaN and -inf where it says none.
    dual : array or None
        Multipliers of the rows or cones, for a bound that does not rest on the solver.
    ray : array or None
        Certificate of infeasibility.
    """

    ending: str
    words: str = ""
    x: FloatArray | None = None
    objective: float = math.nan
    bound: float = -math.inf
    dual: FloatArray | None = None
    ray: FloatArray | None = None


@dataclass(frozen=True)
class Ending:
    """A measured answer of a minimisation.

    Attributes
    ----------
    status : str
        ``optimal``, ``infeasible``, ``unbounded``, ``time_limit``, ``interrupted``; ``failed`` where nothing is proven.
    x : (n,) array or None
        A point that keeps every row, bound and cone; not None where the status is ``optimal``.
    objective : float
        Its value, computed here; inf without a point.
    bound : float
        Proven lower bound; -inf where none is, inf where the problem is infeasible.
    residual : float
        Largest violation at the point.
    solver : str
        What solved it.
    words : str
        What the solver said, and why it was not believed; empty where there is nothing to say.
    """

    status: str
    x: FloatArray | None
    objective: float
    bound: float
    residual: float
    solver: str
    words: str = ""


Listener = Callable[[str, str, Callable[[], Said]], Said]


def _plainly(kind: str, solver: str, run: Callable[[], Said]) -> Said:
    return run()


_listener: Listener = _plainly


@contextmanager
def overheard(listener: Listener) -> Iterator[None]:
    """Put something between every solver and `listen`, for tests: see `adnflex.solvers.injection`.

    Parameters
    ----------
    listener : callable
        ``listener(kind, solver, run)`` returns what is heard; `run` asks the solver.
    """
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def listen(kind: str, solver: str, run: Callable[[], Said]) -> Said:
    """Ask a solver; an exception out of it is an ending like others.

    Parameters
    ----------
    kind : str
        What is solved: ``linear``, ``mixed-integer``, ``conic``, ``whole model`` or ``local search``.
    solver : str
        Its name.
    run : callable
        Runs it.

    Examples
    --------
    >>> listen("linear", "HiGHS", lambda: [][0]).words
    'IndexError: list index out of range'
    """
    try:
        return _listener(kind, solver, run)
    except (MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic in Rust is no Exception
        log.info("%s (%s): %s", solver, kind, error)
        return Said("failed", f"{type(error).__name__}: {error}")


def believe(
    said: Said,
    solver: str,
    *,
    value: Callable[[FloatArray], float],
    residual: Callable[[FloatArray], float],
    safe_bound: Callable[[FloatArray], float] | None = None,
    proof: Callable[[FloatArray], float] | None = None,
    infeasible_is_proven: bool = True,
) -> Ending:
    """Turn what a solver said into an answer.

    Parameters
    ----------
    said : Said
        What it said.
    solver : str
        Its name.
    value, residual : callable
        Objective and largest relative violation of a point.
    safe_bound : callable, optional
        Lower bound that holds for any multipliers; without it the solver's bound is checked against the point only.
    proof : callable, optional
        Maps a certificate to a number above 0 where it proves infeasibility.
    infeasible_is_proven : bool
        Whether "infeasible" without a certificate is believed at all.

    Examples
    --------
    A point that breaks a row is no answer, and a bound above the value of a point is no bound:

    >>> x = np.array([2.0])
    >>> kept = dict(value=lambda x: float(x[0]), residual=lambda x: max(1.0 - float(x[0]), 0.0))
    >>> believe(Said("optimal", "", x, 2.0, 2.0), "it", **kept).status
    'optimal'
    >>> believe(Said("optimal", "", x - 2, 0.0, 0.0), "it", **kept).status
    'failed'
    >>> believe(Said("optimal", "", x, 2.0, 2.5), "it", **kept).words
    'bound 2.5 is above the value 2 of a point'
    """
    if said.ending == "infeasible":
        return _infeasible(said, solver, proof, infeasible_is_proven)
    status = said.ending if said.ending in STATUSES else "failed"
    doubts = [] if status == "optimal" else [said.words or said.ending]
    x, objective, off = _point(said, value, residual, doubts)
    bound = said.bound
    if safe_bound is not None:
        bound = -math.inf if said.dual is None else _checked(safe_bound(said.dual), said.bound)
    if math.isnan(bound) or bound == math.inf:
        doubts.append(f"bound {bound} is none")
        bound = -math.inf
    if x is not None and bound > objective + _SAME * (1 + abs(objective)):
        doubts.append(f"bound {bound:.6g} is above the value {objective:.6g} of a point")
        bound = -math.inf
    if status == "optimal" and doubts:
        status = "failed"
    if status == "unbounded" or (status == "failed" and safe_bound is None):
        bound = -math.inf
    words = "; ".join(doubts)
    if words:
        log.info("%s: %s (%s)", solver, status, words)
    return Ending(status, x, objective, bound, off, solver, words)


def _infeasible(said: Said, solver: str, proof: Callable[[FloatArray], float] | None, believed: bool) -> Ending:
    proven = said.ray is not None and proof is not None and proof(said.ray) > 0
    if proven or (believed and said.ray is None):
        return Ending("infeasible", None, math.inf, math.inf, 0.0, solver)
    words = f"{said.words or said.ending}, without a certificate that holds"
    log.info("%s: %s", solver, words)
    return Ending("failed", None, math.inf, -math.inf, 0.0, solver, words)


def _point(
    said: Said, value: Callable[[FloatArray], float], residual: Callable[[FloatArray], float], doubts: list[str]
) -> tuple[FloatArray | None, float, float]:
    """Measure a point; it is dropped where it breaks the model or is worth something else than was said."""
    if said.x is None:
        if said.ending == "optimal":
            doubts.append("optimal without a point")
        return None, math.inf, 0.0
    if not np.isfinite(said.x).all():
        doubts.append("its point is not finite")
        return None, math.inf, math.inf
    off, objective = residual(said.x), value(said.x)
    if not off <= RESIDUAL:
        doubts.append(f"returned a point that violates its own model by {off:.2g} (allowed: {RESIDUAL:g})")
        return None, math.inf, off
    if not abs(objective - said.objective) <= _SAME * (1 + abs(objective)):
        doubts.append(f"its point is worth {objective:.6g}, not {said.objective:.6g} as it says")
    return said.x, objective, off


def _checked(safe: float, said: float) -> float:
    """Take the solver's bound where the safe one differs by rounding only, else the safe one."""
    return said if abs(safe - said) <= 1e-7 * (1 + abs(safe)) else safe
