"""What a dispatch is where nobody asks anything of the devices: the first answer of every search."""

from __future__ import annotations

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.problems.dispatch.model import Dispatch


def present_point(dispatch: Dispatch) -> FloatArray:
    """Return the point at which every device stays as it is and no switch is operated.

    Taps and steps keep their positions, blocks their hours, storages do nothing where the energy at their end allows
    it, generation and loads follow their profiles; decisions that are taken already are kept. Flows and voltages are
    not part of it: `adnflex.problems.dispatch.state.evaluate` finds them, and says what is broken.

    Parameters
    ----------
    dispatch : Dispatch
        The model.
    """
    model, form = dispatch.model, dispatch.form
    form.load(np.zeros(len(form.c)))
    for i, device in enumerate(dispatch.devices):
        device.stay(model.device[i], dispatch.frame)
    for states in model.states.values() if dispatch.topology.spans else ():
        for k in dispatch.free.tolist():
            states.z[k].set_value(int(dispatch.points.grid.closed[k]), skip_validation=True)
    x = np.array([float(v.value) for v in form.variables])
    return np.asarray(np.clip(x, form.low, form.high))
