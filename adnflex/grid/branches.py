"""Branch data of a grid: parameters, limits, what stays when a branch is open, parallel branches as one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pandapower import pandapowerNet

from adnflex.errors import InputError, UnsupportedElement
from adnflex.grid.checks import shorten
from adnflex.grid.model import Branch, Member, SwitchableBranch
from adnflex.grid.ppc import Matrices
from adnflex.grid.switching import is_ideal_switch

Key = tuple[str, int]


class BranchRow(NamedTuple):
    """One branch of a `Grid`, with the names of its arrays."""

    f: int
    t: int
    r: float
    x: float
    ratio: float
    y_from: complex
    y_to: complex
    open_from: complex
    open_to: complex
    branch: Branch


def branch_rows(
    net: pandapowerNet, mats: Matrices, chosen: dict[Key, SwitchableBranch], base_mva: float
) -> tuple[list[BranchRow], list[int]]:
    """List the branches: those that may be switched as they are, fixed parallel ones merged.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    mats : Matrices
        Its parameters, per unit on ``net.sn_mva``.
    chosen : dict
        The decision of every element that may be switched.
    base_mva : float
        Base power of the grid [MVA].

    Returns
    -------
    rows : list of BranchRow
        In the order of `mats`.
    self_loops : list of int
        Rows of `mats` whose two ends are one node.
    """
    build = _BranchBuilder(net, mats, base_mva)
    element_of = build.element_of
    single: list[tuple[int, BranchRow]] = []
    parallel: dict[tuple[int, int], list[int]] = {}
    self_loops: list[int] = []
    for row in range(len(mats.f)):
        decision = chosen.get(element_of[row])
        f, t, *_ = build.plain[row]
        if f == t:
            self_loops.append(row)
        elif decision is not None:
            single.append((row, build.single(row, decision)))
        else:
            parallel.setdefault((min(f, t), max(f, t)), []).append(row)
    merged = [
        (rows[0], build.single(rows[0], None) if len(rows) == 1 else build.parallel(rows)) for rows in parallel.values()
    ]
    return [record for _, record in sorted(single + merged, key=lambda item: item[0])], self_loops


class _BranchBuilder:
    """Makes rows from the matrices."""

    def __init__(self, net: pandapowerNet, mats: Matrices, base_mva: float) -> None:
        self.net, self.mats, self.base_mva = net, mats, base_mva
        self.scale = base_mva / float(net.sn_mva)
        self.element_of = {row: key for key, row in mats.row_of.items() if row >= 0}
        self.limits_ka = _current_limits(net, {key for key, row in mats.row_of.items() if row >= 0})
        per_base = np.sqrt(3) * mats.base_kv / base_mva
        self.per_ka = (per_base[mats.f] * mats.ratio).tolist(), per_base[mats.t].tolist()
        self.plain = [
            (f, t, complex(z), ratio, complex(at_from), complex(at_to))
            for f, t, z, ratio, at_from, at_to in zip(
                mats.f.tolist(),
                mats.t.tolist(),
                (mats.r + 1j * mats.x) * self.scale,
                mats.ratio.tolist(),
                mats.y_from / self.scale,
                mats.y_to / self.scale,
                strict=True,
            )
        ]

    def single(self, row: int, decision: SwitchableBranch | None) -> BranchRow:
        """Make one branch of the row of one element."""
        f, t, z, ratio, y_from, y_to = self.plain[row]
        if decision is not None and decision.element == "switch" and is_ideal_switch(self.net, decision.index):
            z = 0j
        member = Member(*self.element_of[row], 1 + 0j, y_from, y_to, *self._terminal_limits(row, False))
        neglected = self.mats.options.neglect_open_switch_branches
        left = _open_shunts(self.net, decision, z, y_from, y_to, neglected)
        return BranchRow(f, t, z.real, z.imag, ratio, y_from, y_to, *left, Branch((member,), decision))

    def parallel(self, rows: list[int]) -> BranchRow:
        """Make one branch of the rows of several fixed elements in parallel."""
        mats, first = self.mats, rows[0]
        self._require_no_circulation(rows)
        # they act as one: admittances add, the current divides by admittance
        admittance = 1 / ((mats.r[rows] + 1j * mats.x[rows]) * self.scale)
        total = admittance.sum()
        z = complex(1 / total)
        flip = mats.f[rows] != mats.f[first]
        at_from = np.where(flip, mats.y_to[rows], mats.y_from[rows]) / self.scale
        at_to = np.where(flip, mats.y_from[rows], mats.y_to[rows]) / self.scale
        members = tuple(
            Member(
                *self.element_of[row],
                complex(admittance[j] / total),
                complex(at_from[j]),
                complex(at_to[j]),
                *self._terminal_limits(row, bool(flip[j])),
            )
            for j, row in enumerate(rows)
        )
        y_from, y_to = complex(at_from.sum()), complex(at_to.sum())
        neglected = mats.options.neglect_open_switch_branches
        left = _open_shunts(self.net, None, z, y_from, y_to, neglected)
        f, t, ratio = int(mats.f[first]), int(mats.t[first]), float(mats.ratio[first])
        return BranchRow(f, t, z.real, z.imag, ratio, y_from, y_to, *left, Branch(members))

    def _terminal_limits(self, row: int, flip: bool) -> tuple[float, float]:
        """Limits of an element's terminal currents [pu], behind the ratio at the from end; inf: none."""
        key = self.element_of[row]
        if key not in self.limits_ka:
            return np.inf, np.inf
        ka_from, ka_to = self.limits_ka[key]
        at_from, at_to = ka_from * self.per_ka[0][row], ka_to * self.per_ka[1][row]
        return (at_to, at_from) if flip else (at_from, at_to)

    def _require_no_circulation(self, rows: list[int]) -> None:
        """Refuse parallel branches of unequal ratio or shift of phase: their current does not divide by admittance."""
        mats, first = self.mats, rows[0]
        ratio = mats.ratio[rows]
        same_way = mats.f[rows] == mats.f[first]
        equal = np.abs(ratio - ratio[0]) < 1e-9
        plain = (np.abs(ratio - 1) < 1e-9) & (abs(ratio[0] - 1) < 1e-9)
        names = shorten(" ".join(map(str, self.element_of[k])) for k in rows)
        if not np.all((same_way & equal) | plain):
            raise UnsupportedElement(
                f"{names} are in parallel with different voltage ratios "
                f"({', '.join(f'{k:.6g}' for k in ratio)} pu), so they circulate current; give "
                "them the same tap position or open one of them."
            )
        shift = np.where(same_way, mats.shift[rows], -mats.shift[rows])
        # a whole turn more is the same angle, but power flow does not find its solution
        if np.any(np.abs(shift - shift[0]) > 1e-9):
            raise UnsupportedElement(
                f"{names} are in parallel with different shifts of phase "
                f"({', '.join(f'{a:.6g}' for a in shift)} degrees), so they circulate current; give them the same "
                "shift_degree and tap, or open one of them."
            )


def _current_limits(net: pandapowerNet, used: set[Key]) -> dict[Key, tuple[float, float]]:
    """Limits of the terminal currents [kA] of all elements in use that have any."""
    found: dict[Key, tuple[float, float]] = {}
    faults: list[str] = []
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
            if np.isnan(share) or (element, int(i)) not in used:
                continue
            if np.isnan(low) or share < 0:
                faults.append(
                    f"{element} {i}: max_loading_percent is {100 * share:g} but its rating gives {low:g} kA; give a "
                    "rating (max_i_ka, sn_mva) and a limit of 0 or more, or no max_loading_percent."
                )
            found[element, int(i)] = float(low), float(high)
    if faults:
        raise InputError(faults)
    return found


def _open_shunts(
    net: pandapowerNet, d: SwitchableBranch | None, z: complex, y_from: complex, y_to: complex, neglected: bool
) -> tuple[complex, complex]:
    """Charging that stays when the branch is open at one end only: ``y + 1/(z + 1/y_other)``."""
    if d is None or d.by_service or d.element == "switch" or neglected:
        return 0j, 0j
    open_buses = {int(net.switch.at[s, "bus"]) for s in d.open_switches}
    if len(open_buses) > 1:
        return 0j, 0j
    if d.from_bus in open_buses:
        return 0j, y_to + y_from / (1 + z * y_from)
    return y_from + y_to / (1 + z * y_to), 0j
