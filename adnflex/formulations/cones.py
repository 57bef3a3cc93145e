"""Rotated second-order cones, recorded when a formulation declares them.

Pyomo has no conic interface to Clarabel and none to outer approximation, so a model keeps a list of its
cones; the solve gate reads it.  Solvers that take quadratic constraints get them from `materialise`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pyomo.environ as pyo

__all__ = ["Cone", "cones_of", "materialise", "record_cone"]


class Cone(NamedTuple):
    """``p² + q² <= l w`` with ``l, w >= 0``, all four variables of one model."""

    p: Any
    q: Any
    l: Any  # noqa: E741 (the symbol of the field)
    w: Any


def record_cone(block: pyo.Block, cone: Cone, physics: bool = True) -> None:
    """Record a cone; `physics` False: its inside is as true as its surface (a rating, the cost of a square)."""
    if not hasattr(block, "_adnflex_cones"):
        block._adnflex_cones = []
    block._adnflex_cones.append(cone)
    if not physics:
        block._adnflex_insides = {*getattr(block, "_adnflex_insides", ()), len(block._adnflex_cones) - 1}


def cones_of(model: pyo.Block) -> list[Cone]:
    """Return all cones of a model and its blocks, in order of declaration."""
    found: list[Cone] = []
    for block in model.block_data_objects(active=True):
        found.extend(getattr(block, "_adnflex_cones", ()))
    return found


def materialise(model: pyo.ConcreteModel, exact: bool = False) -> None:
    """Write the cones as quadratic constraints, for solvers that read Pyomo's own algebra.

    Parameters
    ----------
    model : pyomo ConcreteModel
        The model; gets a constraint list ``quadratic_cones``.
    exact : bool
        Equality instead of the relaxation where a cone stands for physics: exact, not convex.
    """
    model.quadratic_cones = pyo.ConstraintList()
    for block in model.block_data_objects(active=True):
        insides = getattr(block, "_adnflex_insides", ())
        for k, c in enumerate(getattr(block, "_adnflex_cones", ())):
            left, right = c.p**2 + c.q**2, c.l * c.w
            model.quadratic_cones.add(left == right if exact and k not in insides else left <= right)
