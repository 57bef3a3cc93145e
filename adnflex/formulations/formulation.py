"""What a branch flow formulation is to the problems: how it is declared, and what its optimum proves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyomo.environ as pyo

from adnflex.formulations.attachments import Attachments
from adnflex.formulations.bounds import Bounds
from adnflex.grid.model import Grid
from adnflex.grid.topology import Chain


class Bounding(Protocol):
    """What a plan says of the formulation that its bound rests on."""

    @property
    def name(self) -> str:
        """Its name for ``formulation=``."""

    @property
    def bounds_ac(self) -> bool:
        """Whether every AC state within the limits is a point of it, worth the same."""


class Declare(Protocol):
    """Declares flows and balances of one operating point.

    The block has squared voltages ``v``; it gets variables ``p``, ``q``, ``l`` by branch (power into the branch at its
    from end, squared current [pu]) and an expression ``loss`` [pu] (see
    `adnflex.formulations.branch_flow.declare_branch_flow`, which does all but the law of a formulation).
    """

    def __call__(
        self,
        block: pyo.Block,
        grid: Grid,
        bounds: Bounds,
        free: Sequence[int],
        more: Attachments | None = None,
        states: pyo.Block | None = None,
    ) -> None:
        """Declare one operating point."""


class Strengthen(Protocol):
    """Adds inequalities that cut off no radial state."""

    def __call__(
        self,
        block: pyo.Block,
        grid: Grid,
        bounds: Bounds,
        chains: Sequence[Chain],
        free: Sequence[int],
        states: pyo.Block | None = None,
    ) -> None:
        """Strengthen a declared block; binary states ``z`` stand in `states`, by default in the block itself."""


def _nothing(
    block: pyo.Block,
    grid: Grid,
    bounds: Bounds,
    chains: Sequence[Chain],
    free: Sequence[int],
    states: pyo.Block | None = None,
) -> None:
    pass


@dataclass(frozen=True)
class Formulation:
    """One way to write branch flow.

    Attributes
    ----------
    name : str
        Its name in `adnflex.formulations.FORMULATIONS`.
    declare : callable
        See `Declare`.
    strengthen : callable
        See `Strengthen`; by default nothing.
    bounds_ac : bool
        Whether every AC state within the limits is a point of it, worth the same: only then its optimum bounds AC, and
        only then "infeasible" is a proof.
    """

    name: str
    declare: Declare
    strengthen: Strengthen = _nothing
    bounds_ac: bool = False


def bound_kind(formulation: Bounding) -> str:
    """Say what the bound of a plan rests on, for its ``bound_kind``."""
    if formulation.bounds_ac:
        return f"optimum of {formulation.name}"
    return "relaxation of distflow without integers"
