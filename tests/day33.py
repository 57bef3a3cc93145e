"""The 33 buses of Baran and Wu over a day: three load shapes by bus, photovoltaics as negative load at four buses.

The numbers of `TRUTH` are those of an enumeration of all 50,751 radial states, hour by hour, independent of adnflex.
"""

from __future__ import annotations

import numpy as np
import pandapower.networks as pn
import pandas as pd
from pandapower import pandapowerNet

# Share of a load by hour, by the remainder of its bus divided by 3.
_MORNING_EVENING = [
    *(0.35, 0.35, 0.35002, 0.350485, 0.3557, 0.386325, 0.47484, 0.581435, 0.581435, 0.47484, 0.386325, 0.355715),
    *(0.35064, 0.351275, 0.357405, 0.382505, 0.45615, 0.60786, 0.815975, 0.9764, 0.9764, 0.815975, 0.60786, 0.45615),
]
_WORKING = [
    *(0.250035, 0.25012, 0.250415, 0.251445, 0.25502, 0.267235, 0.306895, 0.417025, 0.624995, 0.83295, 0.94301),
    *(0.98246, 0.994035, 0.99567, 0.990885, 0.97405, 0.92664, 0.814245, 0.625, 0.43575, 0.32333, 0.275835),
    *(0.258705, 0.25289),
]
_STEADY = [0.75] * 6 + [0.95] * 16 + [0.75] * 2
SHAPES = np.array([_MORNING_EVENING, _WORKING, _STEADY])

# Active power of photovoltaics by bus and hour, taken from its load [MW].
_SUN = [
    *(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0356, 0.18002, 0.36661, 0.558314, 0.725335, 0.843886, 0.897717, 0.879569),
    *(0.791881, 0.646553, 0.463814, 0.270596, 0.099673, 0.0, 0.0, 0.0, 0.0, 0.0),
]
_PLANTS = {17: 0.9, 21: 0.5, 24: 0.8, 32: 0.7}

#: By lower voltage limit [pu]: present, best topology of the peak hour, best topology [kWh], its open lines.
TRUTH = {
    0.9: (1601.026, 1425.659, 1202.889, [6, 8, 12, 27, 35]),
    0.93: (1601.026, 1425.659, 1202.889, [6, 8, 12, 27, 35]),
    0.94: (1601.026, 1425.659, 1202.889, [6, 8, 12, 27, 35]),
    0.95: (1601.026, 1690.091, 1224.227, [5, 8, 12, 35, 36]),
}
#: Any number of changes, the first topology free: price of an operation and total [kWh]; operations and losses [kWh].
PRICES = {0.5: 1165.703, 1.0: 1173.808, 2.0: 1187.526, 5.0: 1202.889}
BUDGETS = {0: 1202.889, 2: 1193.050, 4: 1185.373, 6: 1178.107, 8: 1173.829}
#: A topology of its own in every hour [kWh].
HOURLY = 1153.655


def day33() -> tuple[pandapowerNet, dict[tuple[str, str], pd.DataFrame]]:
    """Return the net and its profiles."""
    net = pn.case33bw()
    bus = net.load["bus"].to_numpy()
    p = net.load["p_mw"].to_numpy() * SHAPES[bus % 3].T
    q = net.load["q_mvar"].to_numpy() * SHAPES[bus % 3].T
    for place, peak in _PLANTS.items():
        p[:, bus == place] -= (peak / _PLANTS[17] * np.array(_SUN))[:, None]
    return net, {
        ("load", "p_mw"): pd.DataFrame(p.round(6), columns=net.load.index),
        ("load", "q_mvar"): pd.DataFrame(q.round(6), columns=net.load.index),
    }


def day_of(net: pandapowerNet, pv: float = 0.0) -> dict[tuple[str, str], pd.DataFrame]:
    """Return a day of any net with the same shapes; `pv` of the highest load stands at every third load."""
    shape = SHAPES[net.load["bus"].to_numpy() % 3].T
    p, q = (net.load[column].to_numpy() * shape for column in ("p_mw", "q_mvar"))
    # plants as large as their loads, together the share that is asked for
    plants = np.where(np.arange(len(net.load)) % 3 == 0, net.load["p_mw"].to_numpy(), 0.0)
    sun = np.array(_SUN) / max(_SUN)
    p = p - sun[:, None] * plants * pv * p.sum(axis=1).max() / plants.sum()
    return {
        ("load", name): pd.DataFrame(values, columns=net.load.index) for name, values in (("p_mw", p), ("q_mvar", q))
    }
