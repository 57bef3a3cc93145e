"""Figures of a plan for many periods."""

from __future__ import annotations

import numpy as np
import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex.reporting import figure


def test_every_loss_lasts_its_own_hours():
    net = pn.case33bw()
    scales = np.array([0.5, 1.0, 0.8])
    profiles = {("load", c): pd.DataFrame(np.outer(scales, net.load[c])) for c in ("p_mw", "q_mvar")}
    options = {"hours_per_period": 2.0, "max_operations": 0, "workers": 1}
    plan = adnflex.reconfigure(net, profiles=profiles, period_weights=[1.0, 3.0, 1.0], **options)
    drawn = figure("duration", plan)
    (line,) = (trace for trace in drawn.data if trace.name == "plan")
    x, y = np.array(line.x, dtype=float), np.array(line.y, dtype=float)
    losses = np.sort(plan.periods["loss_mw"])[::-1] * 1e3
    # 6 hours of the peak, 2 of each other period; a step goes to its value first and then along
    assert line.line.shape == "vh"
    assert x.tolist() == [0.0, 6.0, 8.0, 10.0]
    assert y == pytest.approx([losses[0], *losses])
    assert float(np.diff(x) @ y[1:]) / 1e3 == pytest.approx(plan.energy_mwh)
