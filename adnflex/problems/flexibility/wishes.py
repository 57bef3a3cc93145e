"""What a caller asks of a box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.knobs import Gathered

DIRECTIONS = ("both", "up", "down", "symmetric")


@dataclass(frozen=True)
class Wishes(Gathered):
    """What a caller asks of a box, beside the net; see `adnflex.flexibility`.

    Attributes
    ----------
    pcc : tuple or None
        Coupling point.
    period_weights : array_like or None
        Worth of a MWh by period.
    direction : str
        One of `DIRECTIONS`.
    required_mw : tuple or None
        Least width below and above the base.
    base_mw : array_like or None
        Base schedule.
    reactive_power : bool
        Whether inverters may use it.
    final_energy : str or float
        ``free``, ``initial`` or percent of ``max_e_mwh``.
    sides : int
        Sides of the polygons.
    """

    pcc: tuple[str, int] | None = None
    period_weights: ArrayLike | None = None
    direction: str = "both"
    required_mw: tuple[ArrayLike, ArrayLike] | None = None
    base_mw: ArrayLike | None = None
    reactive_power: bool = True
    final_energy: str | float = "free"
    sides: int = 16


def _numbers(values: ArrayLike, name: str) -> FloatArray:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is {values!r}; give one number, or one for each period.") from error


def series_of(values: ArrayLike, periods: int, name: str) -> FloatArray:
    """Return one number for each period; one alone stands for all."""
    array = _numbers(values, name)
    if array.ndim == 0:
        array = np.full(periods, float(array))
    if array.shape != (periods,):
        raise InputError(f"{name} has the shape {array.shape}; give one number, or one for each of {periods} periods.")
    odd = np.flatnonzero(~np.isfinite(array))
    if len(odd):
        raise InputError(f"{name} is {array[odd[0]]} in period {int(odd[0])}; give a finite number.")
    return array


def check_wishes(wishes: Wishes) -> None:
    """Raise once with everything that is wrong with what is asked, whatever the net."""
    faults = []
    if wishes.direction not in DIRECTIONS:
        faults.append(f"direction is {wishes.direction!r}; give one of {', '.join(DIRECTIONS)}.")
    if not (isinstance(wishes.sides, int) and wishes.sides >= 8 and wishes.sides % 4 == 0):
        faults.append(f"sides is {wishes.sides!r}; give a multiple of 4 from 8 on, e.g. 16 or 64.")
    end = wishes.final_energy
    number = isinstance(end, int | float) and not isinstance(end, bool)
    if not (end in ("free", "initial") or (number and 0 <= float(end) <= 100)):
        faults.append(f"final_energy is {end!r}; give 'free', 'initial' or percent of max_e_mwh (0 to 100).")
    pair = wishes.required_mw
    if pair is not None and not (isinstance(pair, tuple | list) and len(pair) == 2):
        faults.append(f"required_mw is {pair!r}; give two widths, (below the base, above the base) [MW].")
    if wishes.period_weights is not None and not np.all(_numbers(wishes.period_weights, "period_weights") >= 0):
        faults.append("period_weights: give numbers of 0 or more.")
    if faults:
        raise InputError(faults)
