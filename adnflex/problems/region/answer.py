"""What is asked of the work on a period of a region, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

from adnflex.algorithms.polygons import area
from adnflex.arrays import FloatArray
from adnflex.problems.region.corners import Corner
from adnflex.problems.region.inner import Inner
from adnflex.problems.region.model import Positions
from adnflex.problems.region.states import Key


@dataclass(frozen=True)
class Fineness:
    """How much is done.

    Attributes
    ----------
    directions : int
        Support directions, evenly spread; half as many again are added where outer and inner side differ most.
    enumerate_up_to : int
        Combinations of positions up to which each has its own relaxation.
    cells : int
        Combinations that get an inner polygon where there are more.
    inside : int
        Imports to verify inside all polygons for every direction, about.
    seconds : float
        Time limit [s].
    seed : int
        Places half of the imports inside.
    """

    directions: int = 16
    enumerate_up_to: int = 16
    cells: int = 6
    inside: int = 2
    seconds: float = 300.0
    seed: int = 0


@dataclass(frozen=True)
class Cell:
    """One combination of positions.

    Attributes
    ----------
    positions : tuple of int
        Step of every discrete device.
    keys : tuple of Key
        What the set-points of its states write.
    corners : list of Corner
        By direction.
    inner : Inner
        Its polygon.
    """

    positions: Positions
    keys: tuple[Key, ...]
    corners: list[Corner]
    inner: Inner


@dataclass(frozen=True)
class RegionAnswer:
    """What a period gave.

    Attributes
    ----------
    status : str
        ``complete``, ``time_limit`` (what was proven and found by then), ``infeasible`` (proven) or ``not found``.
    normals, supports : (k, 2), (k,) array
        Half-planes ``normal · (p, q) <= support`` [MVA] that hold every AC-feasible import.
    reached : (k,) array
        Largest ``normal · (p, q)`` of any AC state found.
    outer : (n, 2) array
        Vertices of their intersection [MW, Mvar].
    cells : list of Cell
        Combinations with AC states.
    combinations, solved : int
        How many there are, and how many have a relaxation of their own.
    flows : int
        Power flows.
    notes : list of str
        What the reader has to know.
    """

    status: str
    normals: FloatArray
    supports: FloatArray
    reached: FloatArray
    outer: FloatArray
    cells: list[Cell]
    combinations: int
    solved: int
    flows: int
    notes: list[str]

    @property
    def outer_area(self) -> float:
        """Area of the outer polygon [MW·Mvar]."""
        return area(self.outer)
