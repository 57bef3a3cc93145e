"""The P–Q region at the point of common coupling: what can be imported at most, and what was proved to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from adnflex.algorithms.polygons import contains
from adnflex.arguments import public
from adnflex.arrays import BoolArray, FloatArray
from adnflex.errors import InputError
from adnflex.results.base import Answer, Verdict, applied
from adnflex.results.scope import looked_at_each
from adnflex.results.status import told_status

if TYPE_CHECKING:
    from pandapower import pandapowerNet


# Points count as inside up to this share of the region's size.
_ROUNDING = 1e-6


@dataclass(frozen=True, repr=False, eq=False)
class Region(Answer):
    """Active and reactive power that a network can import, period by period.

    Import (into the network) counts positive.  *Proven* are the half-planes: no set-points and no positions whose AC
    power flow meets every limit import anything beyond them.  *Verified* are the points: each was run in pandapower,
    with every limit of net and devices.  The inner polygons lie between verified points; that every import inside them
    can be reached is sampled (on all edges and inside), not proven.

    Attributes
    ----------
    net_name, fingerprint, asked_limits, solver, seconds, topology, coordinates, options, notes, versions
        What all answers have (see `adnflex.results.base.Answer`).
    pcc : str
        The coupling point, e.g. ``ext_grid 0``.
    hours_per_period : float
        Length of a period [h], which says what storages can do in it.
    areas : pandas.DataFrame
        Index: period; ``outer`` and ``inner`` (of the union of the polygons, exact up to rounding) [MW·Mvar], ``ratio``
        (inner / outer; NaN where the outer one is 0), ``combinations`` (of discrete positions), ``solved`` (with a
        relaxation of their own), ``power_flows`` (on the grid's own equations), ``power_flows_pandapower``,
        ``sampled`` (imports verified on edges and inside), ``seconds``, ``status`` (``complete`` or ``time_limit``).
    halfplanes : pandas.DataFrame
        Index ``(period, direction)``; ``normal_p``, ``normal_q`` (outward, of length 1), ``support_mva``
        (``normal_p · p + normal_q · q <= support_mva`` for every AC-feasible import), ``reached_mva`` (largest value
        of an AC state found).
    outer : pandas.DataFrame
        Index ``(period, vertex)``; ``p_mw``, ``q_mvar``: the intersection of the half-planes, counter-clockwise.
    inner : pandas.DataFrame
        Index ``(period, combination, vertex)``; ``p_mw``, ``q_mvar``, ``point`` (row of `points`): one polygon a
        combination of discrete positions, counter-clockwise.
    points : pandas.DataFrame
        Index ``(period, point)``; ``combination``, ``role`` (``corner`` of the polygon, ``middle``, ``edge``,
        ``interior``), ``p_mw``, ``q_mvar``, the extremes ``vm_min_pu``, ``vm_min_bus``, ``vm_max_pu``, ``vm_max_bus``,
        ``loading_percent``, ``loading_element``, ``loading_index``, and the nearest limit: ``limit_kind``,
        ``limit_element``, ``limit_index``, ``limit_value``, ``limit``, ``limit_unit``.  All by pandapower.
    setpoints : pandas.DataFrame
        Index ``(period, point)``; columns ``(table, column, index)``: everything that is written into the net.
    positions : pandas.DataFrame
        Index ``(period, combination)``; columns ``(table, index)``: tap positions and steps in service.
    inputs : pandas.DataFrame
        Index: period; columns ``(table, column, index)``: the series used (see `DispatchPlan.inputs`).
    """

    pcc: str
    hours_per_period: float
    areas: pd.DataFrame
    halfplanes: pd.DataFrame
    outer: pd.DataFrame
    inner: pd.DataFrame
    points: pd.DataFrame
    setpoints: pd.DataFrame
    positions: pd.DataFrame
    inputs: pd.DataFrame

    _form = "adnflex-region-1"

    @property
    def status(self) -> str:
        """``complete``, or what ended the search in the first period that is not (see `adnflex.results.status`)."""
        return next((str(s) for s in self.areas["status"] if s != "complete"), "complete")

    @property
    def headline(self) -> dict[str, str]:
        """Status, coupling point, how much of the outer polygon is verified."""
        ratio = self.areas["ratio"].astype(float)
        return {
            "": self.status,
            "at": self.pcc,
            "periods": str(len(self.areas)),
            "inner / outer area": f"{100 * ratio.min():.1f} to {100 * ratio.max():.1f} %",
        }

    @property
    def periods(self) -> list[int]:
        """Rows of the time index."""
        return [int(t) for t in self.areas.index]

    def outer_polygon(self, period: int) -> FloatArray:
        """Vertices of the outer polygon of a period, (n, 2) [MW, Mvar]."""
        return _vertices(_of(self.outer, self._known(period)))

    def inner_polygons(self, period: int) -> dict[int, FloatArray]:
        """Vertices of the inner polygons of a period by combination of positions, (n, 2) each [MW, Mvar]."""
        rows = _of(self.inner, self._known(period))
        return {int(c): _vertices(part) for c, part in rows.groupby(level="combination")} if len(rows) else {}

    def in_outer(self, period: int, p_mw: ArrayLike, q_mvar: ArrayLike) -> BoolArray:
        """Whether imports meet every half-plane of a period, up to rounding.

        Parameters
        ----------
        period : int
            Which.
        p_mw, q_mvar : array_like
            Imports [MW, Mvar].
        """
        rows = _of(self.halfplanes, self._known(period))
        normals = rows[["normal_p", "normal_q"]].to_numpy(dtype=float)
        support = rows["support_mva"].to_numpy(dtype=float)
        places = np.column_stack([np.ravel(p_mw), np.ravel(q_mvar)])
        return np.asarray(np.all(places @ normals.T <= support + self._rounding(period), axis=1))

    def in_inner(self, period: int, p_mw: ArrayLike, q_mvar: ArrayLike) -> BoolArray:
        """Whether imports lie in one of the inner polygons of a period, up to rounding (see `in_outer`)."""
        places = np.column_stack([np.ravel(p_mw), np.ravel(q_mvar)])
        found = np.zeros(len(places), dtype=np.bool_)
        for polygon in self.inner_polygons(period).values():
            found |= contains(polygon, places, self._rounding(period))
        return found

    @public()
    def apply(self, net: pandapowerNet, period: int, point: int) -> pandapowerNet:
        """Return a copy of `net` with the set-points of a point; `net` itself is untouched.

        Parameters
        ----------
        net : pandapowerNet
            The net that the region was made for.
        period, point : int
            A row of `points`.

        Raises
        ------
        InputError
            If the net is another one, or there is no such point.
        """
        if (self._known(period), point) not in self.setpoints.index:
            raise InputError(f"point {point}: period {period} has {len(_of(self.points, period))}; give one of these.")
        return applied(net, self.fingerprint, _of(self.setpoints, period), point)

    def _lines(self) -> list[str]:
        lines = [f"{self.net_name}: P-Q region at {self.pcc}, {len(self.periods)} period(s), {self.seconds:.1f} s"]
        for t, row in self.areas.iterrows():
            polygons = self.inner_polygons(int(str(t)))
            lines.append(
                f"period {t}: outer {row['outer']:.4g} MW·Mvar, inner {row['inner']:.4g} MW·Mvar "
                f"({100 * row['ratio']:.1f} %), {len(polygons)} of {int(row['combinations'])} combinations of "
                f"positions, {len(_of(self.points, int(str(t))))} points verified in AC, {told_status(row['status'])}"
            )
        return lines

    def _known(self, period: int) -> int:
        if period not in self.areas.index:
            raise InputError(f"period {period}: the region has {self.periods}; give one of its periods.")
        return int(period)

    def _rounding(self, period: int) -> float:
        size = np.ptp(self.outer_polygon(period), axis=0) if len(_of(self.outer, period)) else np.zeros(2)
        return _ROUNDING * max(float(size.max()), 1e-3)


def _of(table: pd.DataFrame, period: int) -> pd.DataFrame:
    """Rows of one period, without that level of the index."""
    if not len(table):
        return table
    return table[table.index.get_level_values("period") == period].droplevel("period")


def _vertices(rows: pd.DataFrame) -> FloatArray:
    return rows[["p_mw", "q_mvar"]].to_numpy(dtype=float) if len(rows) else np.empty((0, 2))


@dataclass(frozen=True, repr=False, eq=False)
class RegionCheck(Verdict):
    """What a new run of all points of a region says.

    Attributes
    ----------
    passed : bool
        Whether every point converged, meets every limit of net and devices and imports what the region says, every
        vertex of an inner polygon is such a point, and all lie within the half-planes.
    verdict : str
        One sentence for the reader.
    points : pandas.DataFrame
        As `Region.points`, of the new run, with ``converged``, ``violations`` (count) and ``off_mva`` (distance from
        the import that the region names).
    violations : pandas.DataFrame
        ``period``, ``point``, ``kind``, ``element``, ``index``, ``value``, ``limit``, ``excess``, ``unit``.
    """

    points: pd.DataFrame
    violations: pd.DataFrame

    _form = "adnflex-region-check-1"

    @property
    def scope(self) -> str:
        """What was looked at: every verified point of every period."""
        return looked_at_each(f"{len(self.points)} points in AC", pd.Series(dtype=float))

    @property
    def doubt(self) -> str:
        """Nothing: a region makes no claim of being the best, and says itself how much is verified."""
        return ""
