"""The `Grid`: a distribution network as frozen arrays, per unit on one base power.

Nodes are electrical nodes (buses fused by closed bus-bus switches), branches are two-terminal
elements.  A branch is, from its *from* node to its *to* node: an ideal ratio, a shunt, a series
impedance, a shunt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.grid.ratings import Ratings


@dataclass(frozen=True)
class Member:
    """One pandapower element inside a branch.

    Attributes
    ----------
    element : str
        ``line``, ``trafo`` or ``switch``.
    index : int
        Its pandapower index.
    share : complex
        Its part of the branch's series current (1 where the branch is one element).
    y_from, y_to : complex
        Its own shunts [pu] at the two ends, behind the ratio.
    i_max_from, i_max_to : float
        Limit of the terminal currents [pu]; ``inf`` where there is none.
    """

    element: str
    index: int
    share: complex
    y_from: complex
    y_to: complex
    i_max_from: float
    i_max_to: float


@dataclass(frozen=True)
class SwitchableBranch:
    """A branch that may be switched, and how pandapower is told so.

    Attributes
    ----------
    element, index : str, int
        The pandapower element: ``line``, ``trafo`` or ``switch`` (bus-bus).
    name : str
        Its name in the net.
    from_bus, to_bus : int
        Its pandapower buses.
    closed : bool
        The present state.
    open_switches : tuple of int
        Switches to open so that the branch is open (empty: see `by_service`).
    close_switches : tuple of int
        Switches that have to be closed for the branch to be closed.
    by_service : bool
        True where the branch is opened by ``in_service = False``, as it has no switch.
    """

    element: str
    index: int
    name: str
    from_bus: int
    to_bus: int
    closed: bool
    open_switches: tuple[int, ...]
    close_switches: tuple[int, ...]
    by_service: bool

    @property
    def how(self) -> str:
        """What is operated, for a reader: ``switch 12`` or ``in_service``."""
        if self.by_service:
            return "in_service"
        used = self.open_switches if self.closed else self.close_switches
        return "switch " + ", ".join(str(s) for s in used)


@dataclass(frozen=True)
class Branch:
    """The pandapower side of one branch of the grid.

    Attributes
    ----------
    members : tuple of Member
        Its elements, several where they are in parallel.
    decision : SwitchableBranch or None
        How it is switched.
    flipped : bool
        Whether its from end is the element's to (low-voltage) end.
    """

    members: tuple[Member, ...]
    decision: SwitchableBranch | None = None
    flipped: bool = False

    def __str__(self) -> str:
        return " + ".join(f"{m.element} {m.index}" for m in self.members)


@dataclass(frozen=True)
class BranchTaps:
    """The tap positions of a branch: only its ratio, at its from end, depends on them.

    Attributes
    ----------
    branch : int
        Branch of the grid.
    trafos : tuple of int
        Pandapower transformers that move together (several where they are in parallel).
    positions : tuple of tuple of int
        Position of every transformer, one tuple a step.
    ratios : (k,) array
        Ratio at the from end of every step.
    present : int
        The step of the net as it is.
    """

    branch: int
    trafos: tuple[int, ...]
    positions: tuple[tuple[int, ...], ...]
    ratios: FloatArray
    present: int


@dataclass(frozen=True)
class Grid:
    """A distribution network as arrays; n nodes, m branches, all per unit on `base_mva`.

    Attributes
    ----------
    base_mva : float
        Base power [MVA].
    buses : tuple of tuple of int
        Pandapower buses of each node (empty for the far end of a line that hangs open).
    node_of : dict of int to int
        Node of each supplied pandapower bus.
    base_kv : (n,) array
        Base voltage [kV].
    v_min, v_max : (n,) array
        Limits of the squared voltage magnitude [pu]; 0 and inf where there is none.
    p, q : (n,) array
        Constant-power withdrawal (consumption minus generation) [pu].
    has_injection : (n,) array of bool
        Whether anything in the net withdraws or injects at the node.
    y : (n,) complex array
        Constant-impedance withdrawal as an admittance ``g + jb`` [pu]: it withdraws ``g v`` and ``-b v``.
    z_share_p, z_share_q : (n,) array
        Part of all constant withdrawal at the node that is constant impedance instead (pandapower keeps one share a
        bus): a further load P adds ``(1 - share) P`` to `p` and ``share P`` to `y`.
    root_v : (n,) array
        Squared set-point voltage of the roots [pu], NaN elsewhere.
    f, t : (m,) array of int
        From and to node.
    r, x : (m,) array
        Series impedance [pu].
    ratio : (m,) array
        Voltage ratio at the from end: the impedance sees ``v_f / ratio²``.
    y_from, y_to : (m,) complex array
        Shunts at both ends of the impedance while the branch is closed [pu].
    open_from, open_to : (m,) complex array
        Shunts left at the from node (behind the ratio) and the to node while it is open [pu].
    ratings : Ratings
        Limits of terminal currents.
    switchable : (m,) array of bool
        Whether the state is a decision.
    closed : (m,) array of bool
        Present state (fixed branches are closed).
    branches : tuple of Branch
        The pandapower side.
    notes : tuple of str
        What was assumed in reading.
    fingerprint : str
        Hash of the electrical content of the net.
    taps : tuple of BranchTaps
        Branches whose ratio is a decision.
    locked : tuple of SwitchableBranch
        Open lines that are no decision: no branches of the grid, but open points of the network.
    """

    base_mva: float
    buses: tuple[tuple[int, ...], ...]
    node_of: dict[int, int]
    base_kv: FloatArray
    v_min: FloatArray
    v_max: FloatArray
    p: FloatArray
    q: FloatArray
    has_injection: BoolArray
    y: ComplexArray
    z_share_p: FloatArray
    z_share_q: FloatArray
    root_v: FloatArray
    f: IntArray
    t: IntArray
    r: FloatArray
    x: FloatArray
    ratio: FloatArray
    y_from: ComplexArray
    y_to: ComplexArray
    open_from: ComplexArray
    open_to: ComplexArray
    ratings: Ratings
    switchable: BoolArray
    closed: BoolArray
    branches: tuple[Branch, ...]
    notes: tuple[str, ...]
    fingerprint: str
    taps: tuple[BranchTaps, ...] = ()
    locked: tuple[SwitchableBranch, ...] = ()

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.p)

    @property
    def m(self) -> int:
        """Number of branches."""
        return len(self.f)

    @property
    def roots(self) -> IntArray:
        """Nodes of the external grids."""
        return np.flatnonzero(~np.isnan(self.root_v))

    def bus_name(self, node: int) -> str:
        """Return how the reader knows a node: its pandapower buses."""
        buses = self.buses[node]
        return "bus " + "/".join(str(b) for b in buses) if buses else "open line end"

    def shunts(self, closed: BoolArray) -> ComplexArray:
        """Return all constant-impedance withdrawal per node for given branch states.

        Parameters
        ----------
        closed : (m,) array of bool
            State of every branch.

        Returns
        -------
        (n,) complex array
            Admittance ``g + jb`` [pu].
        """
        total = self.y.astype(complex)
        at_from = np.where(closed, self.y_from, self.open_from) / self.ratio**2
        np.add.at(total, self.f, at_from)
        np.add.at(total, self.t, np.where(closed, self.y_to, self.open_to))
        return total

    def replace(self, **changes: Any) -> Grid:
        """Return a grid with some arrays replaced."""
        import dataclasses

        return dataclasses.replace(self, **changes)
