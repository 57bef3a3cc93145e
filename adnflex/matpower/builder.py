"""A MATPOWER case as a pandapower net."""

from __future__ import annotations

import logging
import math

import numpy as np
import pandapower as pp
from pandapower.auxiliary import pandapowerNet

from adnflex.arrays import IntArray
from adnflex.matpower.case import (
    BASE_KV,
    BR_B,
    BR_R,
    BR_STATUS,
    BR_X,
    BS,
    BUS_I,
    BUS_TYPE,
    F_BUS,
    GEN_BUS,
    GEN_STATUS,
    GS,
    ISOLATED,
    PD,
    PG,
    PMAX,
    PMIN,
    QD,
    QG,
    QMAX,
    QMIN,
    RATE_A,
    REFERENCE,
    SHIFT,
    T_BUS,
    TAP,
    VA,
    VG,
    VMAX,
    VMIN,
    VOLTAGE_CONTROLLED,
    Case,
    bus_label,
    kinds,
    positions,
)
from adnflex.matpower.types import Array, Mask

log = logging.getLogger(__name__)

UNRATED_KA = 99999.0
"""Current rating, in kA, that pandapower's own converters write where a branch has none."""


class NetBuilder:
    """Write one case into a new pandapower net."""

    def __init__(self, case: Case, name: str) -> None:
        self.case = case
        self.result = pp.create_empty_network(name=name, sn_mva=case.base_mva)
        self.names = case.bus_name or tuple(bus_label(number) for number in case.bus[:, BUS_I])
        self.kv = case.bus[:, BASE_KV]
        ends = case.branch[:, [F_BUS, T_BUS]]
        self.ends = positions(case, ends.ravel()).reshape(ends.shape)
        self.branch_names = case.branch_names
        self.on = case.branch[:, BR_STATUS] > 0
        # An infinite rating is none.
        self.rated = (case.branch[:, RATE_A] > 0) & np.isfinite(case.branch[:, RATE_A])

    def net(self) -> pandapowerNet:
        """Build everything, in the order of the file's matrices."""
        self._buses()
        self._loads()
        self._generators()
        kind = kinds(self.case)
        self._lines(np.flatnonzero(kind == "line"))
        self._transformers(np.flatnonzero(kind == "trafo"))
        self._switches(np.flatnonzero(kind == "switch"))
        return self.result

    def _buses(self) -> None:
        bus = self.case.bus
        pp.create_buses(
            self.result,
            len(bus),
            vn_kv=self.kv,
            name=list(self.names),
            in_service=bus[:, BUS_TYPE] != ISOLATED,
            min_vm_pu=bus[:, VMIN],
            max_vm_pu=bus[:, VMAX],
        )

    def _loads(self) -> None:
        bus = self.case.bus
        rows = np.flatnonzero((bus[:, PD] != 0) | (bus[:, QD] != 0))
        if rows.size:
            pp.create_loads(
                self.result,
                rows,
                p_mw=bus[rows, PD],
                q_mvar=bus[rows, QD],
                name=[self.names[k] for k in rows],
            )
        rows = np.flatnonzero((bus[:, GS] != 0) | (bus[:, BS] != 0))
        # MATPOWER counts BS as injected, pandapower a shunt's q as consumed.
        self._shunts(rows, bus[rows, GS], -bus[rows, BS], [self.names[k] for k in rows], np.ones(rows.size, dtype=bool))

    def _shunts(self, buses: IntArray, p_mw: Array, q_mvar: Array, names: list[str], on: Mask) -> None:
        if buses.size:
            pp.create_shunts(
                self.result, buses, q_mvar=q_mvar, p_mw=p_mw, vn_kv=self.kv[buses], name=names, in_service=on
            )

    def _generators(self) -> None:
        """Add generators by the type of their bus; a reference's first in service is its external grid."""
        gen, types = self.case.gen, self.case.bus[:, BUS_TYPE]
        done: set[int] = set()
        for k, bus in enumerate(positions(self.case, gen[:, GEN_BUS]).tolist()):
            on = bool(gen[k, GEN_STATUS] > 0)
            limits = {
                "max_p_mw": gen[k, PMAX],
                "min_p_mw": gen[k, PMIN],
                "max_q_mvar": gen[k, QMAX],
                "min_q_mvar": gen[k, QMIN],
                "name": self.names[bus],
            }
            if types[bus] == REFERENCE and on and bus not in done:
                done.add(bus)
                table = "ext_grid"
                index = pp.create_ext_grid(
                    self.result, bus, vm_pu=gen[k, VG], va_degree=self.case.bus[bus, VA], **limits
                )
            elif types[bus] == VOLTAGE_CONTROLLED:
                table = "gen"
                index = pp.create_gen(
                    self.result,
                    bus,
                    p_mw=gen[k, PG],
                    vm_pu=gen[k, VG],
                    in_service=on,
                    controllable=True,
                    **limits,
                )
            else:
                table = "sgen"
                index = pp.create_sgen(
                    self.result,
                    bus,
                    p_mw=gen[k, PG],
                    q_mvar=gen[k, QG],
                    in_service=on,
                    controllable=True,
                    **limits,
                )
            self._cost(k, table, int(index))

    def _cost(self, row: int, table: str, index: int) -> None:
        """Cost of one generator, where it is a polynomial that pandapower can hold."""
        costs = self.case.gencost
        if costs is None:
            return
        terms = int(costs[row, 3])
        if costs[row, 0] != 2 or not 1 <= terms <= 3 or costs.shape[1] < 4 + terms:
            log.warning(
                "%s: the cost is left out; only polynomials up to degree 2 are read.",
                self.case.line_of("gencost", row),
            )
            return
        c0, c1, c2 = [*costs[row, 4 : 4 + terms][::-1], 0.0, 0.0][:3]
        pp.create_poly_cost(self.result, index, table, cp1_eur_per_mw=c1, cp0_eur=c0, cp2_eur_per_mw2=c2)

    def _lines(self, rows: IntArray) -> None:
        if not rows.size:
            return
        branch, kv = self.case.branch[rows], self.kv[self.ends[rows, 0]]
        ohm = kv**2 / self.case.base_mva
        # The net's frequency only turns the given susceptance into a capacitance and back.
        nanofarad = branch[:, BR_B] / ohm / (2 * math.pi * self.result.f_hz) * 1e9
        with np.errstate(invalid="ignore"):
            rating_ka = np.where(self.rated[rows], branch[:, RATE_A] / (math.sqrt(3) * kv), UNRATED_KA)
        pp.create_lines_from_parameters(
            self.result,
            self.ends[rows, 0],
            self.ends[rows, 1],
            length_km=1.0,
            r_ohm_per_km=branch[:, BR_R] * ohm,
            x_ohm_per_km=branch[:, BR_X] * ohm,
            c_nf_per_km=nanofarad,
            max_i_ka=rating_ka,
            max_loading_percent=np.where(self.rated[rows], 100.0, np.nan),
            name=[self.branch_names[k] for k in rows],
            index=rows,
            in_service=self.on[rows],
        )

    def _transformers(self, rows: IntArray) -> None:
        """Add transformers; MATPOWER's ratio stands at the from bus, its impedance on the other side.

        In pandapower the impedance belongs to the rated voltage of the low side. Where the from bus is the
        low side, its rated voltage carries the ratio and so refers the impedance exactly.
        """
        if not rows.size:
            return
        case, branch = self.case, self.case.branch[rows]
        tap = np.where(branch[:, TAP] == 0, 1.0, branch[:, TAP])
        from_is_high = self.kv[self.ends[rows, 0]] >= self.kv[self.ends[rows, 1]]
        rated_kv = self.kv[self.ends[rows]] * np.column_stack([tap, np.ones_like(tap)])
        high, low = np.where(from_is_high, 0, 1), np.where(from_is_high, 1, 0)
        k = np.arange(rows.size)
        sn_mva = np.where(self.rated[rows], branch[:, RATE_A], case.base_mva)
        percent = 100 * sn_mva / case.base_mva
        # pandapower derives |x| from vk and vkr and takes the sign of vk for it.
        sign = np.where(branch[:, BR_X] < 0, -1.0, 1.0)
        pp.create_transformers_from_parameters(
            self.result,
            self.ends[rows][k, high],
            self.ends[rows][k, low],
            sn_mva=sn_mva,
            vn_hv_kv=rated_kv[k, high],
            vn_lv_kv=rated_kv[k, low],
            vkr_percent=branch[:, BR_R] * percent,
            vk_percent=sign * np.hypot(branch[:, BR_R], branch[:, BR_X]) * percent,
            pfe_kw=0.0,
            i0_percent=0.0,
            shift_degree=np.where(from_is_high, 1.0, -1.0) * branch[:, SHIFT],
            max_loading_percent=np.where(self.rated[rows], 100.0, np.nan),
            name=[self.branch_names[i] for i in rows],
            index=rows,
            in_service=self.on[rows],
        )
        self._charging(rows, tap)

    def _charging(self, rows: IntArray, tap: Array) -> None:
        """Half the charging of a transformer at each end; at the from bus it lies behind the ratio."""
        branch = self.case.branch
        charged = branch[rows, BR_B] != 0
        rows, tap = rows[charged], tap[charged]
        half = -0.5 * branch[rows, BR_B] * self.case.base_mva
        names = [f"charging of {self.branch_names[k]}" for k in rows]
        self._shunts(self.ends[rows, 0], np.zeros(rows.size), half / tap**2, names, self.on[rows])
        self._shunts(self.ends[rows, 1], np.zeros(rows.size), half, names, self.on[rows])

    def _switches(self, rows: IntArray) -> None:
        """Branches without any impedance."""
        if not rows.size:
            return
        rating_ka = self.case.branch[rows, RATE_A] / (math.sqrt(3) * self.kv[self.ends[rows, 0]])
        pp.create_switches(
            self.result,
            self.ends[rows, 0],
            self.ends[rows, 1],
            et="b",
            closed=self.on[rows],
            name=[self.branch_names[k] for k in rows],
            index=rows,
            in_ka=np.where(self.rated[rows], rating_ka, np.nan),
        )
