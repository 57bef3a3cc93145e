"""The matrices of a MATPOWER case, checked against each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from adnflex.arrays import IntArray
from adnflex.errors import InputError
from adnflex.matpower.program import CaseProgram
from adnflex.matpower.types import Array, Mask, Value

# Columns of MATPOWER's matrices, from 0.
BUS_I, BUS_TYPE, PD, QD, GS, BS, _, _, VA, BASE_KV, _, VMAX, VMIN = range(13)
GEN_BUS, PG, QG, QMAX, QMIN, VG, _, GEN_STATUS, PMAX, PMIN = range(10)
F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, _, _, TAP, SHIFT, BR_STATUS = range(11)

REFERENCE, VOLTAGE_CONTROLLED, ISOLATED = 3, 2, 4

# Fields without meaning for the net; anything else but the matrices is refused.
_IGNORED = frozenset(["areas", "gentype", "genfuel", "branch_name", "gen_name", "baseMVA", "version", "userdata"])


@dataclass(frozen=True)
class Case:
    """The matrices after all statements, in MATPOWER's units (MW, MVAr, per unit on `base_mva`)."""

    label: str
    base_mva: float
    bus: Array
    gen: Array
    branch: Array
    gencost: Array | None = None
    bus_name: tuple[str, ...] | None = None
    lines: dict[str, list[int]] = field(default_factory=dict)

    def line_of(self, matrix: str, row: int) -> str:
        """``file, line n`` of a row, where it was typed."""
        lines = self.lines.get(f"mpc.{matrix}", [])
        place = f"line {lines[row]}" if row < len(lines) else f"mpc.{matrix} row {row + 1}"
        return f"{self.label}, {place}"

    @property
    def branch_names(self) -> list[str]:
        """Branches by the numbers of their buses: ``7-16``."""
        return [f"{bus_label(ends[F_BUS])}-{bus_label(ends[T_BUS])}" for ends in self.branch]


def read_case(program: CaseProgram) -> Case:
    """Collect what the program left behind; all faults of the data at once."""
    faults = _unknown_fields(program)
    version = program.values.get("mpc.version", "2")
    if shown(version).strip("'") != "2":
        faults.append(
            f"{program.label}: the format version is {shown(version)}; only version 2 is read, "
            "which MATPOWER's savecase writes."
        )
    base = program.values.get("mpc.baseMVA")
    if not (isinstance(base, np.ndarray) and base.size == 1 and 0 < base.item() < math.inf):
        faults.append(f"{program.label}: mpc.baseMVA is {shown(base)}; give a base power above 0 MVA.")
    matrices = {name: _matrix(program, name, width, faults) for name, width in _WIDTHS.items()}
    if faults:
        raise InputError(faults)
    costs, names = program.values.get("mpc.gencost"), program.values.get("mpc.bus_name")
    case = Case(
        label=program.label,
        base_mva=float(np.asarray(base).item()),
        bus=matrices["bus"],
        gen=matrices["gen"],
        branch=matrices["branch"],
        gencost=costs if isinstance(costs, np.ndarray) and costs.size else None,
        bus_name=tuple(names) if isinstance(names, list) else None,
        lines=program.row_lines,
    )
    if faults := [*_bus_faults(case), *_gen_faults(case), *_branch_faults(case), *_cost_faults(case)]:
        raise InputError(faults)
    return case


_WIDTHS = {"bus": 13, "gen": 10, "branch": 11}
"""Columns that must be there; what stands right of them is not needed for the net."""
# More than in any published case.
_MOST_ROWS = {"bus": 200_000, "gen": 20_000, "branch": 300_000}


def bus_label(number: float) -> str:
    """Write a bus number in full, however large."""
    return f"{number:.15g}"


def shown(value: Value | None) -> str:
    """Write a value for a message."""
    if value is None:
        return "missing"
    if isinstance(value, np.ndarray) and value.size == 1:
        return f"{value.item():g}"
    return repr(value) if isinstance(value, str) else "no number"


def _unknown_fields(program: CaseProgram) -> list[str]:
    """Fields that would change the net but are not represented."""
    faults = []
    for key, value in program.values.items():
        name = key.removeprefix("mpc.")
        if name == key or name in _IGNORED or name in _WIDTHS or name in ("gencost", "bus_name"):
            continue
        if isinstance(value, np.ndarray) and value.size == 0:
            continue
        faults.append(
            f"{program.label}: the field mpc.{name} is not understood; remove it if the net does not need it."
        )
    return faults


def _matrix(program: CaseProgram, name: str, width: int, faults: list[str]) -> Array:
    """One of the three matrices, wide enough."""
    value = program.values.get(f"mpc.{name}")
    if not isinstance(value, np.ndarray) or not value.size:
        faults.append(f"{program.label}: the matrix mpc.{name} is missing.")
    elif len(value) > _MOST_ROWS[name]:
        faults.append(f"{program.label}: mpc.{name} has {len(value):,} rows; at most {_MOST_ROWS[name]:,} are read.")
    elif value.shape[1] < width:
        faults.append(
            f"{program.label}: mpc.{name} has {value.shape[1]} columns; format version 2 has {width} or more."
        )
    else:
        return value
    return np.empty((0, width))


def _faults_in(case: Case, matrix: str, checks: Sequence[tuple[Mask, Callable[[int], str]]]) -> list[str]:
    """One finding for all rows with the same fault: the first is shown, the others are counted."""
    faults = []
    for wrong, sentence in checks:
        rows = np.flatnonzero(wrong).tolist()
        more = f" ({len(rows)} rows have this fault.)" if len(rows) > 1 else ""
        faults += [f"{case.line_of(matrix, row)}: {sentence(row)}{more}" for row in rows[:1]]
    return faults


def _bus_faults(case: Case) -> list[str]:
    bus, name = case.bus, [f"bus {bus_label(number)}" for number in case.bus[:, BUS_I]]
    used = bus[:, [BUS_I, BUS_TYPE, PD, QD, GS, BS, VA, BASE_KV]]
    first = {number: row for row, number in reversed(list(enumerate(name)))}
    faults = _faults_in(case, "bus", [
        (~np.isfinite(used).all(axis=1), lambda k: f"{name[k]} has a value that is no number."),
        ([first[number] != row for row, number in enumerate(name)], lambda k: f"{name[k]} is there twice."),
        (~np.isin(bus[:, BUS_TYPE], (1, 2, 3, 4)),
         lambda k: f"{name[k]} is of type {bus[k, BUS_TYPE]:g}; give 1, 2, 3 or 4."),
        (~(bus[:, BASE_KV] > 0),
         lambda k: f"{name[k]} has a base of {bus[k, BASE_KV]:g} kV; give its nominal voltage."),
        (~(bus[:, VMIN] <= bus[:, VMAX]),
         lambda k: f"{name[k]} has VMIN {bus[k, VMIN]:g} above VMAX {bus[k, VMAX]:g} per unit; swap them."),
    ])  # fmt: skip
    if case.bus_name is not None and len(case.bus_name) != len(bus):
        faults.append(f"{case.label}: mpc.bus_name has {len(case.bus_name)} names for {len(bus)} buses.")
    if not np.any(bus[:, BUS_TYPE] == REFERENCE):
        faults.append(f"{case.label}: no bus is a reference (type 3); give the type 3 to the feeding bus.")
    return faults


def _gen_faults(case: Case) -> list[str]:
    bus, gen = case.bus, case.gen
    at, on = gen[:, GEN_BUS], gen[:, GEN_STATUS] > 0
    used = gen[:, [GEN_BUS, PG, QG, VG, GEN_STATUS]]
    unfed = (bus[:, BUS_TYPE] == REFERENCE) & ~np.isin(bus[:, BUS_I], at[on])
    faults = _faults_in(case, "gen", [
        (~np.isfinite(used).all(axis=1), lambda k: "this generator has a value that is no number."),
        (~np.isin(at, bus[:, BUS_I]),
         lambda k: f"the generator is at bus {bus_label(at[k])}, which mpc.bus does not have."),
    ])  # fmt: skip
    faults += _faults_in(case, "bus", [
        (unfed, lambda k: f"bus {bus_label(bus[k, BUS_I])} is a reference (type 3) without a generator in service; "
         "add one, whose VG is the set-point."),
    ])  # fmt: skip
    controlled = set(bus[np.isin(bus[:, BUS_TYPE], (VOLTAGE_CONTROLLED, REFERENCE)), BUS_I].tolist())
    first: dict[float, int] = {}
    for k in np.flatnonzero(on).tolist():
        other = first.setdefault(at[k], k)
        if at[k] in controlled and gen[other, VG] != gen[k, VG]:
            faults.append(
                f"{case.line_of('gen', k)}: the set-point VG at bus {bus_label(at[k])} is {gen[k, VG]:g}, "
                f"another generator there has {gen[other, VG]:g}; give one."
            )
    return faults


def _branch_faults(case: Case) -> list[str]:
    branch, name = case.branch, [f"the branch {text}" for text in case.branch_names]
    ends = branch[:, [F_BUS, T_BUS]]
    used = branch[:, [F_BUS, T_BUS, BR_R, BR_X, BR_B, TAP, SHIFT, BR_STATUS]]
    faults = _faults_in(case, "branch", [
        (~np.isfinite(used).all(axis=1) | np.isnan(branch[:, RATE_A]),
         lambda k: f"{name[k]} has a value that is no number."),
        (~np.isin(ends, case.bus[:, BUS_I]).all(axis=1),
         lambda k: f"{name[k]} ends at a bus that mpc.bus does not have."),
        (ends[:, 0] == ends[:, 1], lambda k: f"{name[k]} begins and ends at the same bus."),
        (branch[:, TAP] < 0,
         lambda k: f"{name[k]} has the ratio {branch[k, TAP]:g}; give 0 for a line, or a ratio above 0."),
        (branch[:, RATE_A] < 0,
         lambda k: f"{name[k]} has RATE_A {branch[k, RATE_A]:g} MVA; give 0 for no limit, or more."),
    ])  # fmt: skip
    if faults:
        return faults
    more_than_a_switch = (kinds(case) == "trafo") | (branch[:, BR_B] != 0)
    return _faults_in(case, "branch", [
        ((branch[:, BR_R] == 0) & (branch[:, BR_X] == 0) & more_than_a_switch,
         lambda k: f"{name[k]} has a ratio, two base voltages or charging, but r = x = 0; give x."),
    ])  # fmt: skip


def _cost_faults(case: Case) -> list[str]:
    costs, generators = case.gencost, len(case.gen)
    if costs is None:
        return []
    if costs.shape[1] < 5 or len(costs) not in (generators, 2 * generators):
        return [
            f"{case.label}: mpc.gencost has {len(costs)} rows and {costs.shape[1]} columns; give one row for "
            f"each of the {generators} generators, with 5 columns or more."
        ]
    no_number = ~np.isfinite(costs).all(axis=1)
    return _faults_in(case, "gencost", [(no_number, lambda k: "this cost has a value that is no number.")])


def positions(case: Case, numbers: Array) -> IntArray:
    """Rows of the bus matrix that carry these bus numbers."""
    row = {number: k for k, number in enumerate(case.bus[:, BUS_I].tolist())}
    return np.array([row[n] for n in numbers.tolist()], dtype=np.int64)


def kinds(case: Case) -> NDArray[np.str_]:
    """Tell what each branch is: ``line``, ``trafo`` or, without impedance, ``switch``."""
    branch = case.branch
    kv = case.bus[:, BASE_KV]
    two_levels = kv[positions(case, branch[:, F_BUS])] != kv[positions(case, branch[:, T_BUS])]
    # Some files write the ratio 1 for every line; with equal voltages it means nothing.
    trafo = ~np.isin(branch[:, TAP], (0.0, 1.0)) | (branch[:, SHIFT] != 0) | two_levels
    bare = (branch[:, BR_R] == 0) & (branch[:, BR_X] == 0)
    return np.where(trafo, "trafo", np.where(bare, "switch", "line"))


def with_typed_impedances(case: Case, program: CaseProgram, base_mva: float) -> Case:
    """Take r and x as typed, in per unit on `base_mva`, not as the file's statements leave them."""
    typed = program.typed.get("mpc.branch")
    if typed is None or typed.shape != case.branch.shape:
        raise InputError(
            f"{case.label}: impedances='per_unit' needs mpc.branch typed as one matrix of numbers; "
            "read the case with impedances='as_file'."
        )
    branch = case.branch.copy()
    branch[:, [BR_R, BR_X]] = typed[:, [BR_R, BR_X]] * (case.base_mva / base_mva)
    return replace(case, branch=branch)


def three_phase(case: Case) -> Case:
    """Return the three-phase system of which the case holds one phase; per-unit values stay."""
    bus, gen, branch = case.bus.copy(), case.gen.copy(), case.branch.copy()
    bus[:, [PD, QD, GS, BS]] *= 3
    bus[:, BASE_KV] *= math.sqrt(3)
    gen[:, [PG, QG, QMAX, QMIN, PMAX, PMIN]] *= 3
    branch[:, RATE_A] *= 3
    costs = None if case.gencost is None else case.gencost.copy()
    for row in () if costs is None else costs:
        # A phase that costs c(p) makes 3 c(P / 3) of the three; pieces (model 1) are not read at all.
        terms = int(min(row[3], row.size - 4))  # a count above the columns that are there is left out later
        powers = np.arange(terms - 1, -1, -1)
        row[4 : 4 + powers.size] *= 3.0 ** (1 - powers) if row[0] == 2 else 1.0
    return replace(case, base_mva=case.base_mva * 3, bus=bus, gen=gen, branch=branch, gencost=costs)
