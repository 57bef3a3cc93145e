"""What a schedule asks of a source of futures of sun and wind, and how it checks what it gets.

`Renewables` is all that is asked; any object with a method ``sample`` will do. Two come with the package:
`adnflex.scenarios.LatentWeather`, the process of the study, and `adnflex.scenarios.Forecast`, a forecast with an error
that remembers.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from adnflex.arrays import FloatArray, IntArray
from adnflex.errors import InputError


@runtime_checkable
class Renewables(Protocol):
    """A source of futures of G generators over a day of H hours.

    Two further methods are used where an object has them:

    ``observe(state, hour, generation_mw) -> state``
        The state after the generation (G,) of an hour was measured; the state before the day is None. Without it the
        state is the generation measured so far, shape ``(hour + 1, G)`` [MW].
    ``day(rng) -> (generation_mw, states)``
        A day to simulate, (H, G) [MW], with the state of each hour. Without it a day is one sample from the state None
        and hour -1.

    A state has to be something that JSON can hold, or an array, so that a schedule can be saved.
    """

    def sample(self, state: Any, hour: int, n: int, rng: np.random.Generator, /) -> ArrayLike:
        """Draw n futures of the hours after `hour`, shape (n, H - hour - 1, G) [MW]."""


def checked_sample(
    source: Renewables, state: Any, hour: int, n: int, rng: np.random.Generator, hours: int, index: IntArray
) -> FloatArray:
    """Draw futures and check them.

    Parameters
    ----------
    source : Renewables
        What draws.
    state, hour, n, rng
        Its arguments.
    hours : int
        Hours H of the day.
    index : ndarray, shape (G,)
        The generators' indices in ``net.sgen``.

    Returns
    -------
    ndarray, shape (n, H - hour - 1, G)
        Generation [MW].

    Raises
    ------
    InputError
        If the shape is another one, or a number is negative or not finite.
    """
    drawn = np.asarray(source.sample(state, hour, n, rng), dtype=float)
    shape = (n, hours - hour - 1, len(index))
    name = f"{type(source).__name__}.sample at hour {hour}"
    if drawn.shape != shape:
        raise InputError(
            f"{name}: gave shape {drawn.shape} and {shape} is needed ({n} futures, the {shape[1]} hours after hour "
            f"{hour}, {len(index)} generators); return one array of this shape, in MW."
        )
    wrong = ~(np.isfinite(drawn) & (drawn >= 0))
    if wrong.any():
        future, later, place = (int(k) for k in np.argwhere(wrong)[0])
        raise InputError(
            f"{name}: {int(wrong.sum())} of {drawn.size} numbers are no finite power of 0 or more, the first is "
            f"{drawn[future, later, place]:g} MW for sgen {index[place]} in hour {hour + 1 + later} (future {future}); "
            "replace it in the generator."
        )
    return drawn


def drawn_day(
    source: Renewables, rng: np.random.Generator, hours: int, index: IntArray
) -> tuple[FloatArray, list[Any]]:
    """Draw a day to simulate: generation (H, G) [MW] and the state at each hour."""
    if hasattr(source, "day"):
        generation, states = source.day(rng)
        _check_measured(source, np.asarray(generation, dtype=float), index)
        return np.asarray(generation, dtype=float), list(states)
    generation = checked_sample(source, None, -1, 1, rng, hours, index)[0]
    states, state = [], None
    for hour in range(hours):
        state = known_state(source, state, hour, generation[hour])
        states.append(state)
    return generation, states


def known_state(source: Renewables, state: Any, hour: int, generation_mw: FloatArray) -> Any:
    """State after an hour's generation (G,) [MW] was measured."""
    if hasattr(source, "observe"):
        return source.observe(state, hour, generation_mw)
    row = np.asarray(generation_mw, dtype=float)[None, :]
    return row if state is None else np.concatenate([np.asarray(state, dtype=float), row])


def _check_measured(source: Renewables, generation: FloatArray, index: IntArray) -> None:
    wrong = ~(np.isfinite(generation) & (generation >= 0))
    if generation.ndim != 2 or generation.shape[1] != len(index) or wrong.any():
        raise InputError(
            f"{type(source).__name__}.day: gave shape {generation.shape} with {int(wrong.sum())} numbers that are no "
            f"finite power of 0 or more; return one row an hour and one column for each of sgen {index.tolist()}, in "
            "MW."
        )
