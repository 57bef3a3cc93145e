"""The region of active and reactive import in one period: support of the cone relaxation in a direction.

For every normal ``n`` the largest ``n · (p, q)`` over the relaxation, as *proven* by the solver's dual bound, is a
half-plane that holds every AC-feasible import.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices import Device, Positioned, Supplies, Timeline, able
from adnflex.grid.operating_points import OperatingPoints
from adnflex.problems.dispatch.charge_modes import Modes
from adnflex.problems.dispatch.imports import limited
from adnflex.problems.dispatch.model import Dispatch, build_dispatch
from adnflex.problems.dispatch.problem import DispatchProblem, Pins
from adnflex.problems.dispatch.recover import network_cones
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.conic import ConicForm
from adnflex.solvers.ending import Ending

# Position of every discrete device, by its step.
Positions = tuple[int, ...]


@dataclass(frozen=True)
class RegionModel:
    """The relaxation of one period.

    Attributes
    ----------
    dispatch : Dispatch
        The model; its own objective says nothing.
    pcc : Supplies
        Whose import it is.
    form : ConicForm
        Its arrays, with finite bounds on the import.
    import_columns : (2,) array of int
        Columns of the active and reactive import [pu].
    cones : (k,) array of int
        Rows of `form.cones` that are branches.
    price : (k,) array
        What a unit of squared current is worth in import [pu].
    """

    dispatch: Dispatch
    pcc: Supplies
    form: ConicForm
    import_columns: IntArray
    cones: IntArray
    price: FloatArray

    @property
    def base_mva(self) -> float:
        """Base power [MVA]."""
        return self.dispatch.points.grid.base_mva

    def towards(self, normal: FloatArray) -> ConicForm:
        """Return the form that minimises ``-normal · (p, q)`` [pu]."""
        c = np.zeros(len(self.form.c))
        c[self.import_columns] = -normal
        return replace(self.form, c=c, c0=0.0)

    def declare_towards(self, normal: FloatArray) -> None:
        """Let the Pyomo model minimise ``-normal · (p, q)`` [MVA]."""
        p, q = (self.dispatch.form.variables[int(k)] for k in self.import_columns)
        along = float(normal[0]) * p + float(normal[1]) * q
        self.dispatch.model.objective.set_value(-self.base_mva * along)

    def largest(self, normal: FloatArray) -> float:
        """Bound ``normal · (p, q)`` by the bounds of the import alone [MVA]: known without any solve."""
        low, high = self.form.low[self.import_columns], self.form.high[self.import_columns]
        return float(np.maximum(normal * low, normal * high).sum() * self.base_mva)

    def import_at(self, x: FloatArray) -> FloatArray:
        """Import of a point of the relaxation [MW, Mvar]."""
        return np.asarray(x[self.import_columns] * self.base_mva)


def build_region(
    points: OperatingPoints, horizon: Timeline, devices: Sequence[Device], pcc: Supplies, modes: Modes = frozenset()
) -> RegionModel:
    """Declare the relaxation of one period, currents bounded from above by secants too.

    Parameters
    ----------
    points : OperatingPoints
        The grid and what follows its profile, one scenario and one period.
    horizon : Timeline
        One period.
    devices : sequence of Device
        What is free; discrete ones with a single position are fixed to it.
    pcc : Supplies
        The one of the devices whose import is asked for.
    modes : frozenset, optional
        Devices with a binary mode (see `adnflex.problems.dispatch.charge_modes`); the outer side needs none.
    """
    single = [d for d in able(devices, Positioned) if d.count == 1]
    fixed = {(d.place.table, d.place.index): {"position:0": 0.0} for d in single}
    dispatch = build_dispatch(DispatchProblem(points, horizon, devices, pins=Pins(fixed)), modes, secants=True)
    block = dispatch.model.device[next(i for i, d in enumerate(devices) if d.place == pcc.place)]
    imports = [block.p[0, 0], block.q[0, 0]]
    columns = dispatch.form.columns_of(imports)
    low, high = limited(dispatch, columns, pcc.place.node)
    for variable, least, most in zip(imports, low[columns].tolist(), high[columns].tolist(), strict=True):
        variable.setlb(least)
        variable.setub(most)
    cones = network_cones(dispatch)
    grid = points.grid
    price = np.hypot(grid.r, grid.x)[cones.branch]
    return RegionModel(dispatch, pcc, replace(dispatch.form, low=low, high=high), columns, cones.cone, price)


def solve_support(model: RegionModel, normal: FloatArray, seconds: float = 60.0) -> Ending:
    """Maximise ``normal · (p, q)`` over the relaxation, positions fixed or relaxed.

    Returns
    -------
    Ending
        Objective and proven bound are those of the minimum of ``-normal · (p, q)`` [pu].
    """
    return solve_relaxation(model.towards(normal), time_limit=seconds)


def positions_to_choose(devices: Sequence[Device]) -> list[list[int]]:
    """List the steps that every discrete device may take in the next period, the present one first."""
    found = []
    for device in able(devices, Positioned):
        moves = not device.rules.most < 1  # NaN is no limit
        steps = [k for k in device.admitted if moves or k == device.initial]
        present = [k for k in steps if k == device.initial]
        found.append([*present, *(k for k in steps if k != device.initial)])
    return found


def at_positions(devices: Sequence[Device], chosen: Positions) -> list[Device]:
    """Return the devices with the discrete ones at one position each, which tightens every bound."""
    rest = iter(chosen)
    return [d.only(next(rest)) if isinstance(d, Positioned) else d for d in devices]
