"""Read a pandapower net into a `Grid`; the caller's net is never written to."""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Iterable, Sequence

import networkx as nx
import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError, UnsupportedElement
from adnflex.grid.checks import check_vm_limits, require_sound, shorten
from adnflex.grid.model import Branch, Decision, FloatArray, Grid, Member
from adnflex.grid.ppc import Matrices, matrices
from adnflex.grid.switching import decisions, is_ideal_switch

__all__ = ["fingerprint", "read_grid"]

log = logging.getLogger(__name__)

# Tables that power flow reads; result tables and cosmetics do not belong to a net's identity.
_ELECTRICAL = ("bus", "line", "trafo", "switch", "load", "sgen", "gen", "storage", "shunt", "ward", "motor", "ext_grid")
_COSMETIC = {"name", "geo", "zone", "type", "std_type", "description", "controllable", "profile"}


def fingerprint(net: pandapowerNet) -> str:
    """Hash the electrical content of a net, present switch states included.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> fingerprint(net) == fingerprint(pn.case33bw())
    True
    >>> net.load.loc[0, "p_mw"] += 0.001
    >>> fingerprint(net) == fingerprint(pn.case33bw())
    False
    """
    digest = hashlib.sha256()
    for table in _ELECTRICAL:
        rows = net[table]
        if not len(rows):
            continue
        columns = sorted(c for c in rows.columns if c not in _COSMETIC)
        digest.update(f"{table}:{columns}".encode())
        digest.update(rows[columns].to_csv(float_format="%.12g", lineterminator="\n").encode())
    return digest.hexdigest()[:16]


def read_grid(
    net: pandapowerNet,
    *,
    vm_limits: tuple[float, float] | None = None,
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    need_limits: bool = True,
) -> Grid:
    """Read a net into frozen arrays, with the branches that may be switched marked.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    vm_limits : (float, float), optional
        Voltage limits for all buses [pu]; by default ``bus.min_vm_pu`` and ``bus.max_vm_pu``.
    switchable_lines : iterable of int or ``"all"``, optional
        See `adnflex.grid.switching.decisions`.
    switchable_switches : iterable of int, optional
        Bus-bus and transformer switches that may be operated as well.
    need_limits : bool
        Whether missing voltage limits are a fault (they are, unless only a power flow is wanted).

    Returns
    -------
    Grid
        One node a group of fused buses, one branch a line, transformer or switch.

    Raises
    ------
    InputError, UnsupportedElement
        With every fault found.

    Notes
    -----
    Branch parameters come from pandapower's own converter, on a private copy in which every branch that
    may be switched is closed.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> grid = read_grid(pn.case33bw())
    >>> grid.n, grid.m, int(grid.switchable.sum()), int((~grid.closed).sum())
    (33, 37, 37, 5)
    """
    limit_faults = check_vm_limits(net, vm_limits) if need_limits or vm_limits is not None else []
    chosen, choice_faults = decisions(net, switchable_lines, switchable_switches)
    require_sound(net, [*limit_faults, *choice_faults])
    study = _closed_copy(net, chosen)
    try:
        mats = matrices(study)
    except Exception as error:  # pandapower raises many kinds; the reader needs one sentence
        raise InputError(f"pandapower cannot convert the net: {type(error).__name__}: {error}") from error
    notes = [*_tap_notes(net), *_zip_notes(net), *_dead_notes(net, mats)]
    builder = _Builder(net, mats, {(d.element, d.index): d for d in chosen}, notes)
    return builder.grid(vm_limits)


def _closed_copy(net: pandapowerNet, chosen: Sequence[Decision]) -> pandapowerNet:
    """Copy the net with every branch that may be switched closed.

    A bus-bus switch that may be switched gets an impedance for the moment, so that pandapower keeps it as a
    branch instead of fusing its buses.
    """
    study = copy.deepcopy(net)
    for element, kind in (("line", "l"), ("trafo", "t")):
        mine = [d.index for d in chosen if d.element == element]
        if mine:
            study[element].loc[mine, "in_service"] = True
            here = (study.switch["et"] == kind) & study.switch["element"].isin(mine)
            study.switch.loc[here, "closed"] = True
    couplers = [d.index for d in chosen if d.element == "switch"]
    if couplers:
        study.switch.loc[couplers, "closed"] = True
        ideal = [s for s in couplers if is_ideal_switch(net, s)]
        study.switch.loc[ideal, "z_ohm"] = 1.0
    return study


def _tap_notes(net: pandapowerNet) -> list[str]:
    """Warn of tap positions that pandapower ignores for want of a `tap_changer_type`."""
    trafo = net.trafo
    if not len(trafo) or "tap_pos" not in trafo.columns:
        return []
    off = trafo["tap_pos"].notna() & trafo["tap_neutral"].notna() & (trafo["tap_pos"] != trafo["tap_neutral"])
    if "tap_changer_type" in trafo.columns:
        off &= trafo["tap_changer_type"].isna() | (trafo["tap_changer_type"].astype(str) == "None")
        off &= ~trafo.get("tap_dependency_table", pd.Series(False, index=trafo.index)).fillna(False).astype(bool)
    rows = trafo.index[off.to_numpy()]
    if not len(rows):
        return []
    return [
        f"trafo {shorten(rows)}: tap_pos differs from tap_neutral but tap_changer_type is missing, so pandapower "
        "power flow ignores the tap, and so does this plan; set tap_changer_type='Ratio' if the tap is real."
    ]


def _zip_notes(net: pandapowerNet) -> list[str]:
    """Warn where pandapower spreads a load's voltage dependence over everything at its bus."""
    load = net.load[net.load["in_service"].to_numpy(dtype=bool)]
    share = load[[c for c in ("const_z_p_percent", "const_z_q_percent") if c in load.columns]].fillna(0.0)
    if not (share.to_numpy() != 0).any():
        return []
    mixed = set(share.groupby(load["bus"]).nunique().max(axis=1).loc[lambda n: n > 1].index)
    dependent = set(load.loc[(share.to_numpy() != 0).any(axis=1), "bus"])
    for table in ("sgen", "storage", "ward", "motor"):
        rows = net[table]
        mixed |= dependent & set(rows.loc[rows["in_service"].to_numpy(dtype=bool), "bus"]) if len(rows) else set()
    if not mixed:
        return []
    return [
        f"bus {shorten(sorted(mixed))}: pandapower power flow applies the average constant-impedance share of the "
        "loads to everything at the bus; the plan does the same, so that both agree."
    ]


def _dead_notes(net: pandapowerNet, mats: Matrices) -> list[str]:
    """Refuse isolated buses with something on them, mention the empty ones."""
    alive = net.bus["in_service"].to_numpy(dtype=bool)
    dead = [int(b) for b in net.bus.index[alive] if int(b) not in mats.node_of]
    if not dead:
        return []
    faults = []
    for table in ("load", "sgen", "storage", "ward", "motor", "shunt"):
        rows = net[table]
        if len(rows):
            rows = rows[rows["in_service"].to_numpy(dtype=bool) & rows["bus"].isin(dead).to_numpy()]
        faults.extend(
            f"bus {int(b)} with {table} {i} cannot be supplied: no line or switch that may be closed leads to an "
            "external grid; widen switchable_lines, or take the element out of service."
            for i, b in rows["bus"].items()
        )
    if faults:
        raise InputError(faults)
    return [f"bus {shorten(dead)}: not connected to any external grid and empty; left out."]


class _Builder:
    """Turns the matrices and the caller's decisions into a `Grid`."""

    def __init__(
        self,
        net: pandapowerNet,
        mats: Matrices,
        chosen: dict[tuple[str, int], Decision],
        notes: list[str],
    ) -> None:
        self.net = net
        self.mats = mats
        self.chosen = chosen
        self.notes = notes
        self.element_of = {row: key for key, row in mats.row_of.items() if row >= 0}
        self.scale = _base_mva(net, mats) / float(net.sn_mva)
        self.base_mva = self.scale * float(net.sn_mva)
        self.limits_ka = self._current_limits()
        self.self_loops: list[int] = []

    def grid(self, vm_limits: tuple[float, float] | None) -> Grid:
        """Assemble the grid."""
        mats, s = self.mats, self.scale
        n = len(mats.p)
        groups: list[list[int]] = [[] for _ in range(n)]
        for bus, node in mats.node_of.items():
            groups[node].append(bus)
        rows = self._branch_rows()
        y = mats.y / s
        columns = {k: np.array([row[k] for row in rows]) for k in _BRANCH_FLOATS} if rows else {}
        for loop in self.self_loops:
            # A branch between fused buses carries no flow, but its charging stays at the node.
            y[mats.f[loop]] += mats.y_from[loop] / mats.ratio[loop] ** 2 / s + mats.y_to[loop] / s
        v_min, v_max = self._voltage_limits(groups, vm_limits)
        return Grid(
            base_mva=self.base_mva,
            buses=tuple(tuple(sorted(g)) for g in groups),
            node_of=dict(mats.node_of),
            base_kv=mats.base_kv,
            v_min=v_min,
            v_max=v_max,
            p=mats.p / s,
            q=mats.q / s,
            has_injection=self._has_injection(n),
            y=y,
            root_v=self._root_v(n),
            f=np.array([row["f"] for row in rows], dtype=np.int64),
            t=np.array([row["t"] for row in rows], dtype=np.int64),
            r=columns.get("r", np.zeros(0)).astype(float),
            x=columns.get("x", np.zeros(0)).astype(float),
            ratio=columns.get("ratio", np.zeros(0)).astype(float),
            y_from=columns.get("y_from", np.zeros(0)).astype(complex),
            y_to=columns.get("y_to", np.zeros(0)).astype(complex),
            open_from=columns.get("open_from", np.zeros(0)).astype(complex),
            open_to=columns.get("open_to", np.zeros(0)).astype(complex),
            i_max_from=columns.get("i_max_from", np.zeros(0)).astype(float),
            i_max_to=columns.get("i_max_to", np.zeros(0)).astype(float),
            switchable=np.array([row["branch"].decision is not None for row in rows], dtype=bool),
            closed=np.array(
                [row["branch"].decision is None or row["branch"].decision.closed for row in rows], dtype=bool
            ),
            branches=tuple(row["branch"] for row in rows),
            notes=tuple(self.notes),
            fingerprint=fingerprint(self.net),
        )

    # -- nodes ---------------------------------------------------------------------------------------------

    def _has_injection(self, n: int) -> np.ndarray:
        found = np.zeros(n, dtype=bool)
        for table in ("load", "sgen", "storage", "ward", "motor", "shunt"):
            rows = self.net[table]
            if len(rows):
                buses = rows.loc[rows["in_service"].to_numpy(dtype=bool), "bus"]
                found[[self.mats.node_of[int(b)] for b in buses if int(b) in self.mats.node_of]] = True
        return found

    def _root_v(self, n: int) -> FloatArray:
        root = np.full(n, np.nan)
        faults = []
        gens = self.net.gen
        slack = gens[gens["slack"].fillna(False).to_numpy(dtype=bool)] if len(gens) else gens
        for table, rows in (("ext_grid", self.net.ext_grid), ("gen", slack)):
            for i, row in rows[rows["in_service"].to_numpy(dtype=bool)].iterrows():
                node = self.mats.node_of.get(int(row["bus"]))
                if node is None:
                    continue
                v = float(row["vm_pu"]) ** 2
                if not np.isnan(root[node]) and abs(root[node] - v) > 1e-9:
                    faults.append(
                        f"{table} {i}: vm_pu is {row['vm_pu']:g} but another source at the same bus {int(row['bus'])} "
                        f"has {np.sqrt(root[node]):g}; give both the same set-point."
                    )
                root[node] = v
        if faults:
            raise InputError(faults)
        return root

    def _voltage_limits(
        self, groups: list[list[int]], vm_limits: tuple[float, float] | None
    ) -> tuple[FloatArray, FloatArray]:
        low, high = np.zeros(len(groups)), np.full(len(groups), np.inf)
        if vm_limits is not None:
            for k, group in enumerate(groups):
                if group:
                    low[k], high[k] = float(vm_limits[0]) ** 2, float(vm_limits[1]) ** 2
            return low, high
        if "min_vm_pu" not in self.net.bus.columns or "max_vm_pu" not in self.net.bus.columns:
            return low, high
        limits = self.net.bus[["min_vm_pu", "max_vm_pu"]].astype(float)
        for k, group in enumerate(groups):
            if group:
                rows = limits.loc[group]
                low[k] = np.nan_to_num(rows["min_vm_pu"].max(), nan=0.0) ** 2
                high[k] = np.nan_to_num(rows["max_vm_pu"].min(), nan=np.inf) ** 2
        return low, high

    # -- branches ------------------------------------------------------------------------------------------

    def _branch_rows(self) -> list[dict[str, object]]:
        """One record a branch: the switchable ones as they are, fixed parallel ones merged."""
        single, parallel = [], {}
        for row in range(len(self.mats.f)):
            key = self.element_of[row]
            decision = self.chosen.get(key)
            f, t = int(self.mats.f[row]), int(self.mats.t[row])
            if f == t:
                self._note_self_loop(key, decision)
                self.self_loops.append(row)
            elif decision is not None:
                single.append((row, self._record([row], decision)))
            else:
                parallel.setdefault((min(f, t), max(f, t)), []).append(row)
        merged = [(rows[0], self._record(rows, None)) for rows in parallel.values()]
        return [record for _, record in sorted(single + merged, key=lambda item: item[0])]

    def _note_self_loop(self, key: tuple[str, int], decision: Decision | None) -> None:
        if decision is not None:
            self.notes.append(f"{key[0]} {key[1]}: both ends are one bus (closed couplers); it stays as it is.")

    def _record(self, rows: list[int], decision: Decision | None) -> dict[str, object]:
        mats, s = self.mats, self.scale
        first = rows[0]
        self._require_equal_ratios(rows)
        coupler = decision is not None and decision.element == "switch" and is_ideal_switch(self.net, decision.index)
        z = np.zeros(1, complex) if coupler else (mats.r[rows] + 1j * mats.x[rows]) * s
        # Parallel branches act as one: admittances add, the current divides by admittance.
        admittance = np.ones(1, complex) if coupler else 1 / z
        total = admittance.sum()
        z_all = z[0] if len(rows) == 1 else 1 / total
        flip = np.array([mats.f[k] != mats.f[first] for k in rows])
        ends = np.where(flip, mats.y_to[rows], mats.y_from[rows]) / s, np.where(
            flip, mats.y_from[rows], mats.y_to[rows]
        ) / s
        members = []
        for j, row in enumerate(rows):
            element, index = self.element_of[row]
            limits = self._terminal_limits((element, index), row)
            if flip[j]:
                limits = limits[::-1]
            share = complex(admittance[j] / total)
            members.append(Member(element, index, share, complex(ends[0][j]), complex(ends[1][j]), *limits))
        y_from, y_to = complex(ends[0].sum()), complex(ends[1].sum())
        open_from, open_to = self._open_shunts(decision, complex(z_all), y_from, y_to)
        return {
            "f": int(mats.f[first]),
            "t": int(mats.t[first]),
            "r": z_all.real,
            "x": z_all.imag,
            "ratio": float(mats.ratio[first]),
            "y_from": y_from,
            "y_to": y_to,
            "open_from": open_from,
            "open_to": open_to,
            "i_max_from": min(m.i_max_from / abs(m.share) for m in members),
            "i_max_to": min(m.i_max_to / abs(m.share) for m in members),
            "branch": Branch(tuple(members), decision),
        }

    def _require_equal_ratios(self, rows: list[int]) -> None:
        mats = self.mats
        same = all(
            mats.f[k] == mats.f[rows[0]] and abs(mats.ratio[k] - mats.ratio[rows[0]]) < 1e-9
            or (abs(mats.ratio[k] - 1) < 1e-9 and abs(mats.ratio[rows[0]] - 1) < 1e-9)
            for k in rows
        )
        if not same:
            names = shorten(" ".join(map(str, self.element_of[k])) for k in rows)
            ratios = ", ".join(f"{mats.ratio[k]:.6g}" for k in rows)
            raise UnsupportedElement(
                f"{names} are in parallel with different voltage ratios ({ratios} pu), so they circulate current; "
                "give them the same tap position or open one of them."
            )

    def _current_limits(self) -> dict[tuple[str, int], tuple[float, float]]:
        """Limits of the terminal currents [kA] of all elements that have any."""
        net, found = self.net, {}
        faults = []
        for element in ("line", "trafo"):
            table = net[element]
            if not len(table) or "max_loading_percent" not in table.columns:
                continue
            limit = table["max_loading_percent"].to_numpy(dtype=float) / 100
            df = table["df"].fillna(1.0).to_numpy(dtype=float) if "df" in table.columns else np.ones(len(table))
            size = df * table["parallel"].to_numpy(dtype=float) * limit
            if element == "line":
                ends = (table["max_i_ka"].to_numpy(dtype=float) * size,) * 2
            else:
                power = table["sn_mva"].to_numpy(dtype=float) * size / np.sqrt(3)
                ends = power / table["vn_hv_kv"].to_numpy(float), power / table["vn_lv_kv"].to_numpy(float)
            for i, share, low, high in zip(table.index, limit, *ends, strict=True):
                if np.isnan(share):
                    continue
                if np.isnan(low) or share < 0:
                    faults.append(
                        f"{element} {i}: max_loading_percent is {100 * share:g} but its rating is "
                        f"{low:g} kA; give a rating, or no max_loading_percent."
                    )
                found[element, int(i)] = float(low), float(high)
        if faults:
            raise InputError(faults)
        return found

    def _terminal_limits(self, key: tuple[str, int], row: int) -> tuple[float, float]:
        """Limits of an element's terminal currents [pu], behind the ratio at the from end; inf: none."""
        if key not in self.limits_ka:
            return np.inf, np.inf
        mats = self.mats
        base = self.base_mva / np.sqrt(3)
        ka_from, ka_to = self.limits_ka[key]
        at_from = ka_from * mats.base_kv[mats.f[row]] / base * mats.ratio[row]
        return float(at_from), float(ka_to * mats.base_kv[mats.t[row]] / base)

    def _open_shunts(self, d: Decision | None, z: complex, y_from: complex, y_to: complex) -> tuple[complex, complex]:
        """Charging that stays when the branch is open at one end only: ``y + 1/(z + 1/y_other)``."""
        if d is None or d.by_service or d.element == "switch":
            return 0j, 0j
        open_buses = {int(self.net.switch.at[s, "bus"]) for s in d.open_switches}
        if len(open_buses) > 1:
            return 0j, 0j
        from_side = y_from + y_to / (1 + z * y_to)
        to_side = y_to + y_from / (1 + z * y_from)
        return (0j, to_side) if d.from_bus in open_buses else (from_side, 0j)


_BRANCH_FLOATS = ("r", "x", "ratio", "y_from", "y_to", "open_from", "open_to", "i_max_from", "i_max_to")


def _base_mva(net: pandapowerNet, mats: Matrices) -> float:
    """Power of ten near a third of the load, so that flows are of order one."""
    total = float(np.hypot(np.abs(mats.p).sum(), np.abs(mats.q).sum()) + np.abs(mats.y).sum()) * float(net.sn_mva)
    return float(10.0 ** np.floor(np.log10(total))) if total > 1e-6 else 1.0


def loop_names(grid: Grid, closed: np.ndarray) -> list[str]:
    """Name the branches of one closed path, for an error message."""
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(grid.n))
    for k in np.flatnonzero(closed):
        graph.add_edge(int(grid.f[k]), int(grid.t[k]), key=int(k))
    return [str(grid.branches[key]) for _, _, key in nx.find_cycle(graph)]
