"""Active columns of a device and the reactive columns of its inverter, as one resource."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.devices.base import Place
from adnflex.devices.inverter import InverterColumns
from adnflex.devices.resource import EFFORT, Accumulator, Resource

ActiveColumns = tuple[tuple[str, ...], FloatArray, FloatArray, FloatArray, FloatArray]


def inverter_resource(
    place: Place,
    active: ActiveColumns,
    reactive: InverterColumns,
    consumer: bool,
    scaling: float,
    accumulators: Sequence[Accumulator] = (),
) -> Resource:
    """Put active columns and the reactive columns of an inverter together.

    Parameters
    ----------
    place : Place
        The device.
    active : tuple
        Names, lower and upper bounds (T, k), what each column adds to the active power (1, k), values (T, k) if
        nothing is asked for.
    reactive : InverterColumns
        Its rows are over (active power, reactive columns).
    consumer : bool
        Whether the active columns and the element's table count withdrawal (storages) or injection (generators);
        reactive columns are injection.
    scaling : float
        The table's own factor.
    accumulators : sequence of Accumulator
        Over the active columns.
    """
    names, low, high, adds, idle = active
    periods, count, more = len(low), low.shape[1], reactive.count
    q_low, q_high = reactive.bounds(periods)
    p = np.hstack([np.tile(adds, (periods, 1)), np.zeros((periods, more))])
    q = np.hstack([np.zeros((periods, count)), np.tile(np.array([[1.0, -1.0]])[:, :more], (periods, 1))])
    own = [np.concatenate([row[0] * adds[0], np.array(row[1:])]) for row in reactive.rows]
    widened = [
        replace(a, parts=tuple(np.hstack([part, np.zeros((periods, more))]) for part in a.parts)) for a in accumulators
    ]
    i, table = place.index, place.table
    nothing = np.zeros(periods)
    sign = 1.0 if consumer else -1.0
    own_q = -sign / scaling
    return Resource(
        place,
        (*names, *("q_up", "q_down")[:more]),
        np.hstack([low, q_low]),
        np.hstack([high, q_high]),
        sign * p,
        -q,
        nothing,
        -reactive.fixed,
        np.hstack([idle, q_low]),
        np.array(own).reshape(len(own), count + more),
        np.array(reactive.limits).reshape(len(own), periods).T,
        tuple(widened),
        {(table, "p_mw", i): (p / scaling, nothing), (table, "q_mvar", i): (own_q * q, own_q * reactive.fixed)},
        np.concatenate([np.zeros(count), np.full(more, EFFORT)]),
        sign * scaling,
    )
