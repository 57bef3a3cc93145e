"""What stands in pandapower's result tables, of many states of a grid: index maps made once, arrays after that."""

from __future__ import annotations

import numpy as np
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray, IntArray
from adnflex.errors import UnsupportedElement
from adnflex.grid.model import Grid
from adnflex.grid.options import power_flow_options
from adnflex.grid.ratings import collect_ratings
from adnflex.grid.state import Flow
from adnflex.powerflow.states import StateArrays
from adnflex.powerflow.structure import source_rows


class ElementValues:
    """Voltages of buses, loading, current and losses of lines and transformers, import at sources.

    Parameters
    ----------
    net : pandapowerNet
        The net of the states; its powers, steps, positions and voltages of sources do not matter.
    grid : Grid
        The grid that was read from it, whose ratios do not matter.

    Raises
    ------
    UnsupportedElement
        If several sources share a bus, as the arrays do not say who supplies what.
    """

    def __init__(self, net: pandapowerNet, grid: Grid) -> None:
        self._net, self._grid = net, grid
        self._bus = np.array([grid.node_of.get(int(bus), -1) for bus in net.bus.index], dtype=np.int64)
        self._source = np.array(
            [grid.node_of.get(int(net[t].at[i, "bus"]), -1) for t, i in source_rows(net)], dtype=int
        )
        if len(set(self._source.tolist())) < len(self._source) or -1 in self._source:
            raise UnsupportedElement("several sources share a bus")
        members = [(k, m) for k, branch in enumerate(grid.branches) for m in branch.members]
        #: branch of every element, and its place among lines and then transformers
        self._branch = np.array([k for k, _ in members], dtype=np.int64)
        start = {"line": 0, "trafo": len(net.line)}
        rows = {e: net[e].index.get_indexer([m.index for _, m in members if m.element == e]) for e in start}
        self._lines, self._trafos = (
            np.array([j for j, (_, m) in enumerate(members) if m.element == e], dtype=np.int64) for e in start
        )
        self._line_place, self._trafo_place = rows["line"], start["trafo"] + rows["trafo"]
        self._ends = collect_ratings(grid.branches, rated_only=False)
        line = net.line.iloc[rows["line"]]
        self._line_rating = (line["max_i_ka"] * line["df"] * line["parallel"]).to_numpy(dtype=float)[:, None]
        self._by_power = power_flow_options(net).trafo_loading == "power"
        self._trafo = net.trafo.iloc[rows["trafo"]]

    def write(self, into: StateArrays, places: IntArray, flow: Flow, grid: Grid) -> None:
        """Write some states.

        Parameters
        ----------
        into : StateArrays
            Where they go; what is no branch of the grid stays as it stands there.
        places : array of int
            Which states of it they are.
        flow : Flow
            The states.
        grid : Grid
            The grid, with the ratios of these states.
        """
        into.converged[places] = np.isfinite(flow.loss)
        into.losses[places] = flow.loss * grid.base_mva
        v = flow.v.T
        vm = np.sqrt(v[self._bus])
        vm[self._bus < 0] = np.nan
        into.vm[:, places] = vm
        power = flow.supplied.T[self._source] * grid.base_mva
        into.sources[::2, places], into.sources[1::2, places] = power.real, power.imag
        squared_from, squared_to = (self._squared_ka(flow, grid, end) for end in (0, 1))
        k, shares = self._branch, self._ends.share[::2]
        series = ((grid.r + 1j * grid.x)[k] * np.conj(shares)).real
        lost = series[:, None] * flow.l.T[k]
        for end, nodes, ratio in ((0, grid.f[k], grid.ratio[k]), (1, grid.t[k], 1.0)):
            conductance = self._ends.y[end::2].real / ratio**2
            if conductance.any():
                lost += conductance[:, None] * v[nodes]
        lost *= grid.base_mva
        here = self._lines
        shown = np.sqrt(np.maximum(squared_from[here], squared_to[here]))
        self._put(into, places, self._line_place, (100 * shown / self._line_rating, shown, lost[here]))
        if len(here := self._trafos):
            currents = np.sqrt(squared_from[here]), np.sqrt(squared_to[here])
            loading, high = self._trafo_loading(grid, v, currents)
            self._put(into, places, self._trafo_place, (loading, high, lost[here]))

    @staticmethod
    def _put(into: StateArrays, places: IntArray, rows: IntArray, values: tuple[FloatArray, ...]) -> None:
        for kind, table in enumerate(values):
            into.branches[kind][rows[:, None], places] = table

    def _squared_ka(self, flow: Flow, grid: Grid, end: int) -> FloatArray:
        """Squared current at the from (0) or to (1) end of every element (k, B) [kA²]."""
        k, ends = self._branch, self._ends
        share, y = ends.share[end::2], ends.y[end::2]
        sign, nodes = (2.0, grid.f[k]) if end == 0 else (-2.0, grid.t[k])
        behind = grid.ratio[k] if end == 0 else np.ones(len(k))
        base_ka = grid.base_mva / np.sqrt(3) / grid.base_kv[nodes] / behind
        # of the element's own P and Q: |s|² l + |y|² v ± 2 (g P - b Q), at the to end less what the impedance takes
        own = sign * (y.real - 1j * y.imag) * share
        of_p, of_q = own.real, own.imag
        of_l = np.abs(share) ** 2 - (end == 1) * (grid.r[k] * of_p + grid.x[k] * of_q)
        of_v = np.abs(y) ** 2 / behind**2
        found: FloatArray = (of_l * base_ka**2)[:, None] * flow.l.T[k]
        for factor, values, at in ((of_v, flow.v.T, nodes), (of_p, flow.p.T, k), (of_q, flow.q.T, k)):
            if factor.any():
                found += (factor * base_ka**2)[:, None] * values[at]
        return np.maximum(found, 0.0, out=found)

    def _trafo_loading(
        self, grid: Grid, v: FloatArray, current: tuple[FloatArray, FloatArray]
    ) -> tuple[FloatArray, FloatArray]:
        """Return loading [%] of transformers and current at their upper sides [kA] (k, B), whichever way they stand."""
        table, branch = self._trafo, self._branch[self._trafos]
        upper = np.array([grid.node_of[int(bus)] for bus in table["hv_bus"]])
        as_told = (upper == grid.f[branch])[:, None]
        high, low = np.where(as_told, *current), np.where(as_told, *reversed(current))
        kv = [table[c].to_numpy(dtype=float)[:, None] for c in ("vn_hv_kv", "vn_lv_kv")]
        if self._by_power:
            f, t = grid.f[branch], grid.t[branch]
            ends = np.where(as_told[:, 0], f, t), np.where(as_told[:, 0], t, f)
            kv = [np.sqrt(v[end]) * grid.base_kv[end][:, None] for end in ends]
        size = (table["sn_mva"] * table["parallel"] * table["df"]).to_numpy(dtype=float)[:, None]
        return 100 * np.sqrt(3) * np.maximum(high * kv[0], low * kv[1]) / size, high
