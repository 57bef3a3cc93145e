"""Reactive capability curves of pandapower: what reactive power a generator can give at which active power.

``net.q_capability_curve_table`` lists points ``p_mw, q_min_mvar, q_max_mvar`` of every curve; a row of ``net.sgen``
names its curve in ``id_q_capability_characteristic`` and switches it on with ``reactive_capability_curve``.  Between
the points both limits are straight lines, beyond them they stay constant, as in pandapower's ``enforce_q_lims``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray
from adnflex.devices.base import Place
from adnflex.devices.inputs import Inputs, truth

_STYLES = ("straightLineYValues", "constantYValue")
_POINTS = ("p_mw", "q_min_mvar", "q_max_mvar")
# What counts as straight [Mvar].
_STRAIGHT = 1e-9


@dataclass(frozen=True)
class CapabilityCurve:
    """A convex set of active and reactive injections over a range of active power.

    Attributes
    ----------
    p, q_min, q_max : (k,) array
        Corners [MW, Mvar], by rising active power.

    Examples
    --------
    >>> import numpy as np
    >>> half = CapabilityCurve(np.array([0.0, 2.0]), np.array([-1.0, 0.0]), np.array([1.0, 1.0]))
    >>> half.rows()
    [(0.0, 1.0, 1.0), (0.5, -1.0, 1.0)]
    """

    p: FloatArray
    q_min: FloatArray
    q_max: FloatArray

    def ends(self) -> tuple[float, float]:
        """Lowest and highest reactive injection at any active power [Mvar]."""
        return float(self.q_min.min()), float(self.q_max.max())

    def rows(self) -> list[tuple[float, float, float]]:
        """Inequalities ``a p + b q <= c`` [MW, Mvar]."""
        found = []
        for q, sign in ((self.q_max, 1.0), (self.q_min, -1.0)):
            if len(self.p) == 1:
                found.append((0.0, sign, sign * float(q[0])))
            for k in range(len(self.p) - 1):
                slope = float((q[k + 1] - q[k]) / (self.p[k + 1] - self.p[k]))
                row = (-sign * slope + 0.0, sign, sign * (float(q[k]) - slope * float(self.p[k])))
                if row not in found:
                    found.append(row)
        return found

    def limits(self, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest reactive injection at active injections [Mvar]."""
        return np.interp(p, self.p, self.q_min), np.interp(p, self.p, self.q_max)


def refuse_capability(inputs: Inputs, place: Place, row: pd.Series) -> None:
    """Collect a fault where an element has a curve that pandapower and adnflex know for sgens only."""
    if _switched_on(row):
        inputs.faults.append(
            f"{place}: reactive_capability_curve is True, and a {place.kind} has no capability curve here; set it to "
            "False and give min_q_mvar and max_q_mvar."
        )


def _switched_on(row: pd.Series) -> bool:
    return bool(truth(pd.Series([row.get("reactive_capability_curve")])).iloc[0])


def read_capability(
    inputs: Inputs, place: Place, row: pd.Series, p_low: float, p_high: float
) -> CapabilityCurve | None:
    """Read the curve of an element over what its active power can be; None where it has none.

    Parameters
    ----------
    inputs : Inputs
        Tables; gets faults and notes.
    place, row : Place, pandas.Series
        The element.
    p_low, p_high : float
        Range of its injection [MW].
    """
    name = row.get("id_q_capability_characteristic")
    named = not pd.isna(name)
    if not _switched_on(row):
        if named:
            inputs.notes.append(
                f"{place}: names capability curve {name}, but reactive_capability_curve is not True, so the curve is "
                "ignored, as by pandapower."
            )
        return None
    if not named:
        inputs.faults.append(
            f"{place}: reactive_capability_curve is True without id_q_capability_characteristic; name a curve of "
            "net.q_capability_curve_table, or set it to False."
        )
        return None
    points = _points(inputs, place, name)
    if points is None:
        return None
    inputs.require(
        float(row["scaling"]) == 1.0,
        place,
        f"has a capability curve and scaling {float(row['scaling']):g}; pandapower reads a curve before scaling: "
        "scale p_mw, its limits and the curve instead, and set scaling to 1.",
    )
    curve = _over(points, p_low, p_high)
    return curve if _fits(inputs, place, row, name, curve, points) else None


def _points(inputs: Inputs, place: Place, name: Any) -> FloatArray | None:
    """Return the points (k, 3) of a curve."""
    who = f"{place}: capability curve {name}"
    found = _from_table(inputs.net.get("q_capability_curve_table"), name)
    if found is None:
        found = _from_objects(inputs.net.get("q_capability_characteristic"), name)
    if found is None or not len(found):
        inputs.faults.append(
            f"{who} is not in net.q_capability_curve_table (id_q_capability_curve, {', '.join(_POINTS)}); add it or "
            "set reactive_capability_curve to False."
        )
        return None
    if not np.isfinite(found).all():
        inputs.faults.append(f"{who} has a point that is no number; fill in {', '.join(_POINTS)}.")
        return None
    if np.any(np.diff(found[:, 0]) <= 0):
        inputs.faults.append(f"{who} has p_mw {found[:, 0].tolist()}; give points in rising order of p_mw.")
        return None
    above = found[found[:, 1] > found[:, 2] + _STRAIGHT]
    if len(above):
        p, low, high = above[0]
        inputs.faults.append(f"{who} has q_min_mvar {low:g} above q_max_mvar {high:g} at {p:g} MW; correct the point.")
        return None
    return found


def _from_table(table: Any, name: Any) -> FloatArray | None:
    if not isinstance(table, pd.DataFrame) or not {"id_q_capability_curve", *_POINTS} <= set(table.columns):
        return None
    rows = table[table["id_q_capability_curve"] == name]
    columns = [pd.to_numeric(rows[c], errors="coerce").to_numpy(dtype=float) for c in _POINTS]
    return np.column_stack(columns) if len(rows) else None


def _from_objects(table: Any, name: Any) -> FloatArray | None:
    """Read the curve from pandapower's objects, where a net comes without the table that they were made from."""
    if not isinstance(table, pd.DataFrame) or name not in table.index:
        return None
    low, high = (table.at[name, f"q_{end}_characteristic"] for end in ("min", "max"))
    try:
        p = np.union1d(np.asarray(low.x_vals, dtype=float), np.asarray(high.x_vals, dtype=float))
        return np.column_stack([p, [float(low(x)) for x in p], [float(high(x)) for x in p]])
    except (AttributeError, TypeError, ValueError):
        return None


def _over(points: FloatArray, p_low: float, p_high: float) -> CapabilityCurve:
    """Cut a curve to a range of active power."""
    p = points[:, 0]
    corners = np.unique(np.concatenate([[p_low, p_high], p[(p > p_low) & (p < p_high)]]))
    return CapabilityCurve(corners, *(np.interp(corners, p, points[:, k]) for k in (1, 2)))


def _fits(inputs: Inputs, place: Place, row: pd.Series, name: Any, curve: CapabilityCurve, points: FloatArray) -> bool:
    """Whether a curve can be modelled: its style known, its inside convex."""
    who = f"{place}: capability curve {name}"
    style = row.get("curve_style")
    given = isinstance(style, str)
    if given and style not in _STYLES:
        inputs.faults.append(f"{who} has curve_style {style!r}; give one of {', '.join(_STYLES)}.")
        return False
    stairs = given and style == "constantYValue" and len(curve.p) > 1
    if stairs and max(float(np.ptp(points[:, 1])), float(np.ptp(points[:, 2]))) > _STRAIGHT:
        inputs.faults.append(
            f"{who} has curve_style 'constantYValue' and limits that change: a staircase is not convex and not "
            "modelled (and pandapower draws straight lines through its points); use 'straightLineYValues'."
        )
        return False
    for q, sign, word in ((curve.q_max, 1.0, "q_max_mvar"), (curve.q_min, -1.0, "q_min_mvar")):
        k = _dent(curve.p, sign * q)
        if k is not None:
            inputs.faults.append(
                f"{who} bends inwards at {curve.p[k]:g} MW ({word} {q[k]:g} Mvar): what it allows is not convex "
                "and not modelled; leave out that point if the line past it is allowed too, or keep p_mw on one side."
            )
            return False
    return True


def _dent(p: FloatArray, q: FloatArray) -> int | None:
    """Return the first corner at which an upper limit is not concave."""
    for k in range(1, len(p) - 1):
        share = (p[k] - p[k - 1]) / (p[k + 1] - p[k - 1])
        if q[k] < q[k - 1] + share * (q[k + 1] - q[k - 1]) - max(_STRAIGHT, 1e-9 * math.fabs(float(q[k]))):
            return k
    return None
