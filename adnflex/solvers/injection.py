"""Faults put between every solver and the library, so that tests see what becomes of them.

Nothing in the library uses this module. It replaces what a solver said *before* it is judged, at the one place where
all solvers are heard (`adnflex.solvers.ending`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from adnflex.solvers.ending import Said, overheard

# Kinds of calls.
KINDS = ("linear", "mixed-integer", "conic", "whole model", "local search")


def _wrong_point(said: Said, rng: np.random.Generator) -> Said:
    if said.x is None:
        return said
    return replace(said, x=said.x * rng.uniform(0.3, 0.7) + rng.normal(size=len(said.x)))


def _wrong_bound(said: Said, rng: np.random.Generator) -> Said:
    """Say a bound, and multipliers, that are too high."""
    high = said.objective + (1.0 + abs(said.objective)) * rng.uniform(0.1, 10.0)
    bound = np.nan if rng.random() < 0.3 else high
    dual = None if said.dual is None else said.dual * rng.uniform(1.5, 3.0) + rng.normal(size=len(said.dual))
    return replace(said, bound=float(bound), dual=dual)


def _raised(said: Said, rng: np.random.Generator) -> Said:
    raise RuntimeError("injected: the solver broke")


# Name -> what becomes of what was said.
FAULTS: dict[str, Callable[[Said, np.random.Generator], Said]] = {
    "unknown": lambda said, rng: Said("failed", "injected: unknown"),
    "time limit": lambda said, rng: Said("time_limit", "injected: time limit"),
    "numerical error": lambda said, rng: replace(said, ending="failed", words="injected: numerical error", dual=None),
    "wrong point": _wrong_point,
    "wrong bound": _wrong_bound,
    "exception": _raised,
}


@dataclass
class Injected:
    """What was done.

    Attributes
    ----------
    calls, faults : Counter
        By kind: how often a solver was called, how often a fault was put in.
    """

    calls: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)


@contextmanager
def injected(
    fault: str, share: float = 1.0, seed: int = 0, kinds: Collection[str] = KINDS, after: int = 0
) -> Iterator[Injected]:
    """Let solvers fail within a block.

    Worker processes that are forked within the block fail too, with counts of their own.

    Parameters
    ----------
    fault : str
        One of `FAULTS`.
    share : float
        Probability of a fault at each call.
    seed : int
        Of the choice.
    kinds : collection of str
        Which of `KINDS`.
    after : int
        So many calls of these kinds go well first.

    Examples
    --------
    >>> from adnflex.solvers.ending import listen
    >>> with injected("unknown") as done:
    ...     listen("linear", "HiGHS", lambda: Said("optimal")).ending
    'failed'
    >>> done.faults["linear"]
    1
    """
    rng, done, change = np.random.default_rng(seed), Injected(), FAULTS[fault]

    def listener(kind: str, solver: str, run: Callable[[], Said]) -> Said:
        done.calls[kind] += 1
        said = run()
        wanted = kind in kinds and sum(done.calls[k] for k in kinds) > after
        if not wanted or rng.random() >= share:
            return said
        done.faults[kind] += 1
        return change(said, rng)

    with overheard(listener):
        yield done
