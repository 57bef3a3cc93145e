"""The P–Q region of one period: half-planes of the relaxation around it, polygons proved in AC inside it."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adnflex.algorithms.polygons import area, hull, intersection, union_area
from adnflex.arrays import FloatArray
from adnflex.devices import Device, Supplies, Timeline
from adnflex.errors import SolverError
from adnflex.formulations.positions import picked
from adnflex.grid.operating_points import OperatingPoints
from adnflex.problems.clock import Deadline
from adnflex.problems.region.answer import Cell, Fineness, RegionAnswer
from adnflex.problems.region.corners import Corner, Support, tighter_support
from adnflex.problems.region.inner import Inner, inner_polygon
from adnflex.problems.region.model import (
    Positions,
    RegionModel,
    at_positions,
    build_region,
    positions_to_choose,
    solve_support,
)
from adnflex.solvers.gate import solve_model

log = logging.getLogger(__name__)

# The outer side is made tighter where it is farther from the inner one than this share of the region's size.
_LOOSE = 2e-3

# Share of the time that is kept for the inner side, and of it for what follows: its states are run in pandapower.
_INNER_SHARE, _RUN_SHARE = 0.45, 0.1

# Share of the time that building one model a combination of positions may take.
_BUILD_SHARE = 0.3

# A mixed-integer bound that has less time [s] gives way to that of the relaxation.
_LEAST_INTEGER = 1.0

# A combination of positions whose polygon adds less than this share of the area is left out.
_ADDS = 1e-3


Tell = Callable[[float, float, str], None]


@dataclass(eq=False)
class PeriodRegion:
    """The work on the region of one period.

    The outer polygon is valid at any time: a direction that was not solved has the bound of the import's own limits.

    Parameters
    ----------
    points, horizon, devices, pcc
        See `adnflex.problems.region.model.build_region`; one scenario, one period.
    fineness : Fineness
        How much is done.
    clock : Deadline
        The caller's clock.
    tell : callable
        Told inner and outer area so far and what is done.
    """

    points: OperatingPoints
    horizon: Timeline
    devices: Sequence[Device]
    pcc: Supplies
    fineness: Fineness
    clock: Deadline
    tell: Tell = lambda inner, outer, event: None

    def __post_init__(self) -> None:
        self.choices = positions_to_choose(self.devices)
        self.combinations = math.prod(len(steps) for steps in self.choices)
        self.supports: dict[Positions, Support] = {}
        self.corners: dict[Positions, list[Corner]] = {}
        self.normals: list[FloatArray] = []
        self.whole: list[float] = []  # supports of all positions together, where they are not enumerated
        self.notes: list[str] = []
        self.cut_short = self.relaxed = False

    def solve(self) -> RegionAnswer:
        """Find the region."""
        count = self.fineness.directions
        # those a quarter turn apart first, so that there is a polygon early
        order = sorted(range(count), key=lambda k: (k % (count // 4) != 0, k))
        first = [_normal(2 * math.pi * k / count) for k in order]
        # the present positions first: the state in which nothing moves may be all that there is time for
        self._open(tuple(steps[0] for steps in self.choices))
        enumerated = self.combinations <= self.fineness.enumerate_up_to and self._open_all()
        if not enumerated:
            for positions in self._by_integers(first):
                if positions not in self.supports and not self._spent():
                    self._open(positions)
        for normal in first[: len(self.whole) or None]:
            if len(self.normals) >= 4 and self._spent():
                break
            self._solve_direction(normal)
        if not any(self.corners.values()):
            return self._answer("infeasible" if enumerated else "not found", {})
        if enumerated:
            self._refine()
        inner = self._inner()
        cut = self.cut_short or self.clock.spent
        status = "time_limit" if cut else "complete" if inner else "not found"
        return self._answer(status, inner)

    # --- the outer side ---------------------------------------------------------------------------

    def _open(self, positions: Positions) -> None:
        devices = at_positions(self.devices, positions)
        # the source is the same object in every list, so it is found in it
        self.supports[positions] = Support(build_region(self.points, self.horizon, devices, self.pcc))
        self.corners[positions] = []

    def _open_all(self) -> bool:
        """Open every combination; False where the time does not last for them."""
        begin = self.clock.now
        for k, positions in enumerate(itertools.product(*self.choices)):
            took = (self.clock.now - begin) / max(k, 1)
            if self.combinations > 1 and (
                self.clock.spent or took * self.combinations > _BUILD_SHARE * self.clock.seconds
            ):
                self.cut_short = True
                return False
            if positions not in self.supports:
                self._open(positions)
        return True

    def _solve_direction(self, normal: FloatArray) -> None:
        """Solve a direction at all positions that are not proven infeasible."""
        self.normals.append(normal)
        for positions, support in list(self.supports.items()):
            corner = support.corner(normal, self.clock)
            if corner.support == -math.inf:
                log.info("positions %s: infeasible", positions)
                del self.supports[positions], self.corners[positions]
                continue
            self.corners[positions].append(corner)
        self.tell(math.nan, math.nan, f"direction {len(self.normals)}")

    def _outer_values(self) -> tuple[FloatArray, FloatArray]:
        """Supports and reached values of all directions, over all positions."""
        by_cell = [[(c.support, c.value) for c in corners] for corners in self.corners.values()]
        both = np.array(by_cell).max(axis=0)
        supports = np.array(self.whole[: len(both)]) if self.whole else both[:, 0]
        return supports, both[:, 1]

    def _refine(self) -> None:
        """Tighten loose half-planes and add directions where both sides differ most."""
        for k in range(len(self.normals)):
            self._tighten(k)
        for _ in range(self.fineness.directions // 2):
            normal = self._next_normal()
            if normal is None or self._spent():
                break
            self._solve_direction(normal)
            self._tighten(len(self.normals) - 1)

    def _spent(self) -> bool:
        # the inner side needs its time too
        if self.clock.left < _INNER_SHARE * self.clock.seconds:
            self.cut_short = True
        return self.cut_short

    def _size(self) -> float:
        places = np.array([c.reached.place for cs in self.corners.values() for c in cs if c.reached is not None])
        return float(np.ptp(places, axis=0).max()) if len(places) else 0.0

    def _tighten(self, k: int) -> None:
        """Tighten the half-plane of a direction at the positions that decide it."""
        _, reached = self._outer_values()
        loose = reached[k] + _LOOSE * self._size()
        for positions, corners in self.corners.items():
            corner = corners[k]
            # what another combination reaches anyway needs no tighter bound
            if corner.support <= loose or self._spent():
                continue
            left = max(self.clock.left, 1e-9)
            part = self.clock.part(min(1 / 4, 10.0 / left))
            corners[k] = replace(corner, support=tighter_support(self.supports[positions].model, corner, part))

    def _next_normal(self) -> FloatArray | None:
        """Return the normal of the edge of the inner hull from which the outer polygon is farthest."""
        places = np.array([c.reached.place for cs in self.corners.values() for c in cs if c.reached is not None])
        outer = self._outer()
        if len(places) < 3 or len(outer) < 3:
            return None
        ring = places[hull(places)]
        along = np.roll(ring, -1, axis=0) - ring
        length = np.hypot(*along.T)
        normals = np.column_stack([along[:, 1], -along[:, 0]]) / np.maximum(length, 1e-12)[:, None]
        known = np.array(self.normals)
        new = (normals @ known.T).max(axis=1) < math.cos(math.radians(1.0))
        gap = (normals @ outer.T).max(axis=1) - (normals * ring).sum(axis=1)
        worth = np.where(new, gap * length, 0.0)
        k = int(np.argmax(worth))
        return normals[k] if worth[k] > 1e-6 * area(outer) else None

    def _outer(self) -> FloatArray:
        supports, _ = self._outer_values()
        finite = supports[np.isfinite(supports)]
        reach = 10 * float(np.abs(finite).max(initial=1.0)) + 1.0
        return intersection(np.array(self.normals), supports, reach)

    # --- many combinations ------------------------------------------------------------------------

    def _by_integers(self, normals: Sequence[FloatArray]) -> list[Positions]:
        """Bound every direction over all positions at once, and collect the positions that turn up."""
        model = build_region(self.points, self.horizon, self.devices, self.pcc)
        present = tuple(steps[0] for steps in self.choices)
        found: dict[Positions, int] = {present: 0}
        for normal in normals:
            if len(self.whole) >= 4 and self._spent():
                break
            bound, positions = self._integer_support(model, normal, self.clock.left / (2 * len(normals)))
            self.whole.append(min(bound, model.largest(normal)))
            if positions is not None:
                found[positions] = found.get(positions, 0) + 1
        ranked = sorted(found, key=lambda p: (p != present, -found[p]))
        how = "bound of their relaxation, as the time did not last" if self.relaxed else "mixed-integer bound"
        self.notes.append(
            f"{self.combinations} combinations of positions: the outer side covers all of them ({how}), "
            f"inner polygons are made for {min(len(ranked), self.fineness.cells)} that turned up in some direction."
        )
        return ranked[: self.fineness.cells]

    def _integer_support(
        self, model: RegionModel, normal: FloatArray, seconds: float
    ) -> tuple[float, Positions | None]:
        if seconds < _LEAST_INTEGER:
            self.relaxed = self.cut_short = True
            if self.clock.spent:
                return math.inf, None
            return -solve_support(model, normal, self.clock.left).bound * model.base_mva, None
        model.declare_towards(normal)
        try:
            solved = solve_model(model.dispatch.model, gap=1e-3, seconds=seconds)
        except SolverError as error:
            log.info("direction %s: %s", normal, error)
            return math.inf, None
        if solved.x is None:
            return (-math.inf if solved.status == "infeasible" else -solved.bound), None
        return -solved.bound, self._positions_of(model)

    def _positions_of(self, model: RegionModel) -> Positions:
        blocks = [block for block in model.dispatch.model.device.values() if hasattr(block, "u")]
        return tuple(picked(block, 1, len(block.u))[0] for block in blocks)

    # --- the inner side ---------------------------------------------------------------------------

    def _inner(self) -> dict[Positions, Inner]:
        # several directions may end in one state
        reached = {
            positions: list({id(c.reached): c.reached for c in corners if c.reached is not None}.values())
            for positions, corners in self.corners.items()
        }
        alive = {positions: states for positions, states in reached.items() if states}
        rng = np.random.default_rng(self.fineness.seed)
        directions = self.fineness.directions
        inside = max(8, self.fineness.inside * directions // max(len(alive), 1))
        found = {}
        for positions, states in alive.items():
            flow = self.supports[positions].flow
            assert flow is not None
            found[positions] = inner_polygon(flow, states, directions, inside, rng, self._inner_spent)
            self.tell(union_area([i.polygon for i in found.values()]), math.nan, f"inner polygon {len(found)}")
        return self._worth_keeping(found)

    def _inner_spent(self) -> bool:
        if self.clock.left < _RUN_SHARE * self.clock.seconds:
            self.cut_short = True
            return True
        return False

    def _worth_keeping(self, found: dict[Positions, Inner]) -> dict[Positions, Inner]:
        """Leave out combinations whose imports others reach too; the present one stays."""
        rest = {p: i for p, i in found.items() if len(i.polygon)}
        if len(rest) < 2:
            return found
        total = union_area([i.polygon for i in rest.values()])
        kept: dict[Positions, Inner] = {}
        present = tuple(steps[0] for steps in self.choices)
        while rest:
            before = [i.polygon for i in kept.values()]
            worth = {p: union_area([*before, i.polygon]) for p, i in rest.items()}
            best = present if present in rest else max(worth, key=lambda p: worth[p])
            if kept and worth[best] - union_area(before) < _ADDS * total:
                break
            kept[best] = rest.pop(best)
        if rest:
            self.notes.append(
                f"inner polygons of {len(rest)} combinations of positions are left out: each adds less than "
                f"{100 * _ADDS:g} % of the area to those shown."
            )
        return kept

    def _answer(self, status: str, inner: dict[Positions, Inner]) -> RegionAnswer:
        if not any(self.corners.values()):
            nothing = np.empty((0, 2))
            return RegionAnswer(
                status, nothing, np.empty(0), np.empty(0), nothing, [], self.combinations, 0, 0, self.notes
            )
        supports, reached = self._outer_values()
        cells = []
        for positions, polygon in inner.items():
            flow = self.supports[positions].flow
            assert flow is not None
            cells.append(Cell(positions, flow.keys, self.corners[positions], polygon))
        flat = sum(not len(c.inner.polygon) for c in cells)
        if flat:
            self.notes.append(
                f"{flat} of {len(cells)} combinations of positions have no inner polygon: "
                "their AC states have no area, or what lies between them could not be verified."
            )
        return RegionAnswer(
            status,
            np.array(self.normals),
            supports,
            reached,
            self._outer(),
            cells,
            self.combinations,
            len(self.supports),
            sum(s.flow.flows for s in self.supports.values() if s.flow is not None),
            self.notes,
        )


def _normal(angle: float) -> FloatArray:
    return np.array([math.cos(angle), math.sin(angle)])
