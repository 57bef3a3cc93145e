"""A grid over scenarios and periods: what follows its profile, per node and point."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from pandapower import pandapowerNet

from adnflex.arrays import ComplexArray, FloatArray
from adnflex.grid.model import Grid

# Sign of a withdrawal in each table.
_SIGN = {"load": 1.0, "sgen": -1.0, "storage": 1.0}


@dataclass(frozen=True)
class OperatingPoints:
    """Withdrawals without those of the devices, per unit.

    Attributes
    ----------
    grid : Grid
        The grid that they belong to.
    p, q : (S, T, n) array
        Constant power.
    y : (S, T, n) complex array
        Constant impedance, as `Grid.y`.
    """

    grid: Grid
    p: FloatArray
    q: FloatArray
    y: ComplexArray

    def at(self, s: int, t: int) -> Grid:
        """Return the grid of one point."""
        return self.grid.replace(p=self.p[s, t].copy(), q=self.q[s, t].copy(), y=self.y[s, t].copy())


def operating_points(
    net: pandapowerNet,
    grid: Grid,
    values: Mapping[tuple[str, str], FloatArray],
    devices: Collection[tuple[str, int]],
) -> OperatingPoints:
    """Put the series of all elements but the devices on the grid's nodes.

    The grid holds the net as it is; what differs from that is added, so that everything without a series stays
    exactly as pandapower's converter has it.

    Parameters
    ----------
    net : pandapowerNet
        The net; only read.
    grid : Grid
        The grid read from it.
    values : mapping
        ``{(table, column): (S, T, E) array}`` before `scaling` [MW, Mvar].
    devices : collection of (table, index)
        Elements that are decisions: their present power is taken out.
    """
    scenarios, periods = values["load", "p_mw"].shape[:2]
    change = np.zeros((2, scenarios, periods, grid.n))
    y = np.broadcast_to(grid.y, (scenarios, periods, grid.n)).copy()
    for table, sign in _SIGN.items():
        rows = net[table]
        nodes = np.array([grid.node_of.get(int(bus), -1) for bus in rows["bus"]], dtype=np.int64)
        there = np.flatnonzero((nodes >= 0) & rows["in_service"].to_numpy(dtype=bool))
        factor = sign * rows["scaling"].to_numpy(dtype=float)[there] / grid.base_mva
        decided = np.array([(table, int(i)) in devices for i in rows.index[there]], dtype=bool)
        for k, column in enumerate(("p_mw", "q_mvar")):
            now = rows[column].to_numpy(dtype=float)[there]
            then = np.where(decided, 0.0, values[table, column][:, :, there])
            more = np.moveaxis(factor * (then - now), -1, 0)
            np.add.at(np.moveaxis(change[k], -1, 0), nodes[there], more)
    for index, row in net.shunt.iterrows():
        node = grid.node_of.get(int(row["bus"]))
        if node is not None and row["in_service"] and ("shunt", int(str(index))) in devices:
            scale = (float(net.bus.at[int(row["bus"]), "vn_kv"]) / float(row["vn_kv"])) ** 2 * float(row["step"])
            y[:, :, node] -= complex(float(row["p_mw"]), -float(row["q_mvar"])) * scale / grid.base_mva
    share_p, share_q = grid.z_share_p, grid.z_share_q
    return OperatingPoints(
        grid,
        grid.p + (1 - share_p) * change[0],
        grid.q + (1 - share_q) * change[1],
        y + share_p * change[0] - 1j * share_q * change[1],
    )
