"""What adnflex reads from the tables of a net: one description that checks, documents and broken nets are made from.

A table is a list of columns; a column says its kind, whether it has to be there, whether a value may be missing, and
its range.  `adnflex.grid.sound` checks a net against it before anything else reads the net.  A device may ask for more
where an element is a decision (see `adnflex.devices`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["REFUSED_TABLES", "SPARE_COLUMNS", "SWITCH_ELEMENTS", "TABLES", "Column", "Table", "columns_of"]

Kind = Literal["truth", "number", "whole", "reference", "word", "text"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name.
    kind : str
        ``truth``, ``number``, ``whole`` (a number without fraction), ``reference`` (an index of another table),
        ``word`` (one of `words`) or ``text``.
    required : bool
        Whether the column has to be there where the table has rows.
    blank : bool
        Whether a value may be missing; a missing truth is False.
    low, high : float
        Range; the lower end belongs to it unless `above`.
    above : bool
        Whether the value has to be above `low`.
    infinite : bool
        Whether a value may be infinite, as "no limit".
    always : bool
        Whether value and range count also where the element is out of service.
    to : str
        Table that a reference points to; empty: the table that `by` says, row by row.
    by : str
        Column that says the table.
    words : tuple of str
        Words that are known.
    """

    name: str
    kind: Kind
    required: bool = True
    blank: bool = False
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    infinite: bool = False
    always: bool = False
    to: str = ""
    by: str = ""
    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What is allowed, in words.

        Examples
        --------
        >>> columns_of("line")["length_km"].allowed
        'a value above 0'
        """
        if self.kind == "truth":
            return "True or False"
        if self.kind == "word":
            return " or ".join(repr(w) for w in self.words)
        if self.kind == "reference":
            return f"an existing {self.to or 'element'}"
        if self.kind == "text":
            return "text"
        number = "a whole number" if self.kind == "whole" else "a number"
        if math.isinf(self.low):
            return number
        if math.isinf(self.high):
            return f"a value above {self.low:g}" if self.above else f"{self.low:g} or more"
        if self.above:
            return f"{number} above {self.low:g} and up to {self.high:g}"
        return f"{number} from {self.low:g} to {self.high:g}"

    def within(self, value: float) -> bool:
        """Whether a finite number lies in the range."""
        return (value > self.low if self.above else value >= self.low) and value <= self.high


@dataclass(frozen=True)
class Table:
    """A table of a net.

    Attributes
    ----------
    name : str
        Its name.
    columns : tuple of Column
        What is read.
    indexed : bool
        Whether elements are known by the table's index, so that it has to be of different whole numbers.
    """

    name: str
    columns: tuple[Column, ...]
    indexed: bool = True

    @property
    def label(self) -> str:
        """What its elements are called."""
        return self.name if self.indexed else f"net.{self.name} row"


# --- ways to say a column -------------------------------------------------------------------------


def _truth(*names: str) -> tuple[Column, ...]:
    return tuple(Column(n, "truth") for n in names)


def _flag(*names: str) -> tuple[Column, ...]:
    return tuple(Column(n, "truth", required=False, blank=True) for n in names)


def _number(*names: str, always: bool = False) -> tuple[Column, ...]:
    return tuple(Column(n, "number", always=always) for n in names)


def _positive(*names: str, always: bool = False) -> tuple[Column, ...]:
    return tuple(Column(n, "number", low=0.0, above=True, always=always) for n in names)


def _not_negative(*names: str) -> tuple[Column, ...]:
    return tuple(Column(n, "number", low=0.0) for n in names)


def _whole(*names: str, low: float = -math.inf) -> tuple[Column, ...]:
    return tuple(Column(n, "whole", low=low) for n in names)


def _maybe(*names: str, low: float = -math.inf) -> tuple[Column, ...]:
    """Say numbers that may be missing."""
    return tuple(Column(n, "number", required=False, blank=True, low=low) for n in names)


def _blank(*names: str) -> tuple[Column, ...]:
    """Say columns that power flow asks for, of which values may be missing."""
    return tuple(Column(n, "number", blank=True) for n in names)


def _limit(*names: str) -> tuple[Column, ...]:
    """Say limits: missing or infinite means none."""
    return tuple(Column(n, "number", required=False, blank=True, infinite=True) for n in names)


def _bus(*names: str) -> tuple[Column, ...]:
    return tuple(Column(n, "reference", to="bus") for n in names)


def _text(*names: str) -> tuple[Column, ...]:
    return tuple(Column(n, "text", required=False, blank=True) for n in names)


def _word(name: str, words: tuple[str, ...], required: bool = False) -> Column:
    return Column(name, "word", required=required, blank=not required, words=words)


# --- the tables -----------------------------------------------------------------------------------

# What a switch stands at, by the letter in its column `et`.
SWITCH_ELEMENTS = {"b": "bus", "l": "line", "t": "trafo", "t3": "trafo3w"}
# What a cost may be of.
_COST_ELEMENTS = ("gen", "sgen", "ext_grid", "load", "dcline", "storage")

_POWER_LIMITS = _limit("min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar")
_MOVES = (*_maybe("max_moves_per_day", low=0.0), *_maybe("cost_per_move", low=0.0))
# A wrong value here spoils power flow also where the element is out of service: 0 times NaN is NaN.
_INJECTION = (*_bus("bus"), *_number("p_mw", "q_mvar", "scaling", always=True), *_truth("in_service"))

TABLES: tuple[Table, ...] = (
    Table("bus", (*_positive("vn_kv"), *_truth("in_service"), *_maybe("min_vm_pu", "max_vm_pu", low=0.0))),
    Table(
        "line",
        (
            *_bus("from_bus", "to_bus"),
            *_positive("length_km"),
            *_not_negative("r_ohm_per_km", "c_nf_per_km", "g_us_per_km"),
            # below 0: a series capacitor
            *_number("x_ohm_per_km"),
            *_whole("parallel", low=1.0),
            *_positive("df"),
            *_truth("in_service"),
            *_blank("max_i_ka"),
            *_limit("max_loading_percent"),
        ),
    ),
    Table(
        "trafo",
        (
            *_bus("hv_bus", "lv_bus"),
            *_positive("sn_mva", "vn_hv_kv", "vn_lv_kv", always=True),
            # below 0: a negative reactance, as reduced equivalents and MATPOWER cases have them
            *_number("vk_percent", always=True),
            *_not_negative("vkr_percent", "pfe_kw", "i0_percent"),
            *_whole("parallel", low=1.0),
            *_positive("df"),
            *_truth("in_service"),
            *_limit("max_loading_percent"),
            *_blank("tap_neutral"),
            *_maybe("tap_pos", "tap_min", "tap_max", "tap_step_percent", "tap_step_degree", "shift_degree"),
            _word("tap_side", ("hv", "lv")),
            *_flag("tap_dependency_table", "tap_phase_shifter", "controllable", "oltc"),
            *_MOVES,
        ),
    ),
    Table(
        "switch",
        (
            *_bus("bus"),
            _word("et", tuple(SWITCH_ELEMENTS), required=True),
            Column("element", "reference", by="et"),
            *_truth("closed"),
            *_blank("z_ohm"),
        ),
    ),
    Table(
        "load",
        (
            *_INJECTION,
            *_blank("const_z_p_percent", "const_i_p_percent", "const_z_q_percent", "const_i_q_percent"),
            *_POWER_LIMITS,
            *_flag("controllable", "keep_energy"),
            *_maybe("cost_per_mwh", "transferable_share", "reducible_share", "reduction", "max_reductions"),
            *_maybe("transfer_cost_per_mwh", "reduce_cost_per_mwh", "min_reduction_hours", "max_reduction_hours"),
            *_maybe("vehicles_per_day"),
            *_text("profile", "transfer_block", "transfer_window", "reduce_windows"),
        ),
    ),
    Table(
        "sgen",
        (
            *_INJECTION,
            *_POWER_LIMITS,
            *_flag("controllable", "current_source", "reactive_capability_curve"),
            *_limit("sn_mva"),
            *_maybe("cost_per_mwh", "cost_per_mvarh", "min_cos_phi", "id_q_capability_characteristic"),
            *_text("profile"),
        ),
    ),
    Table(
        "storage",
        (
            *_INJECTION,
            *_POWER_LIMITS,
            *_flag("controllable"),
            *_limit("sn_mva", "min_e_mwh", "max_e_mwh"),
            *_maybe("efficiency_percent", "efficiency_charge_percent", "efficiency_discharge_percent"),
            *_maybe("soc_percent", "terminal_soc_percent", "self_discharge_percent_per_hour", "cost_per_mwh"),
            *_text("profile"),
        ),
    ),
    Table(
        "shunt",
        (
            *_bus("bus"),
            *_number("p_mw", "q_mvar", always=True),
            Column("vn_kv", "number", low=0.0, above=True, always=True),
            Column("step", "number", low=0.0, always=True),
            *_truth("in_service"),
            *_flag("controllable", "constant_q", "step_dependency_table"),
            *_maybe("max_step", "min_step", "cost_per_mvarh"),
            *_MOVES,
        ),
    ),
    Table(
        "ward",
        (*_bus("bus"), *_number("ps_mw", "qs_mvar", "pz_mw", "qz_mvar", always=True), *_truth("in_service")),
    ),
    Table(
        "motor",
        (
            *_bus("bus"),
            *_number("pn_mech_mw", "loading_percent", "scaling", always=True),
            *_positive("cos_phi", "efficiency_percent", always=True),
            *_truth("in_service"),
        ),
    ),
    Table(
        "ext_grid",
        (
            *_bus("bus"),
            *_positive("vm_pu"),
            *_maybe("va_degree"),
            *_truth("in_service"),
            *_blank("slack_weight"),
            *_POWER_LIMITS,
            *_flag("controllable"),
            *_maybe("price_per_mwh", "sell_price_per_mwh", "co2_kg_per_mwh"),
            *_maybe("tap_pos", "tap_min", "tap_max", "tap_neutral", "tap_step_percent"),
            *_MOVES,
            *_text("profile"),
        ),
    ),
    Table(
        "gen",
        (
            *_bus("bus"),
            *_positive("vm_pu"),
            *_truth("in_service"),
            Column("slack", "truth", blank=True),
            *_maybe("p_mw", "scaling", "slack_weight"),
            *_POWER_LIMITS,
            *_flag("controllable"),
            *_maybe("price_per_mwh", "sell_price_per_mwh", "co2_kg_per_mwh"),
        ),
    ),
    Table(
        "poly_cost",
        (
            _word("et", _COST_ELEMENTS, required=True),
            Column("element", "reference", by="et"),
            *_maybe("cp0_eur", "cp1_eur_per_mw", "cp2_eur_per_mw2"),
            *_maybe("cq0_eur", "cq1_eur_per_mvar", "cq2_eur_per_mvar2"),
        ),
    ),
    Table(
        "pwl_cost",
        (
            _word("et", _COST_ELEMENTS, required=True),
            Column("element", "reference", by="et"),
            _word("power_type", ("p", "q"), required=True),
        ),
    ),
    Table(
        "ev",
        (
            Column("load", "reference", to="load"),
            *_blank("arrival", "departure", "need_kwh", "max_kwh", "p_max_mw"),
        ),
        indexed=False,
    ),
)

# Tables whose elements are refused in service (see `adnflex.grid.checks`): power flow reads them nevertheless, so
# that their references and types have to be right; their columns are pandapower's own.
REFUSED_TABLES: dict[str, tuple[str, ...]] = {
    "xward": ("bus",),
    "trafo3w": ("hv_bus", "mv_bus", "lv_bus"),
    "impedance": ("from_bus", "to_bus"),
    "dcline": ("from_bus", "to_bus"),
    "svc": ("bus",),
    "ssc": ("bus",),
    "tcsc": ("from_bus", "to_bus"),
    "asymmetric_load": ("bus",),
    "asymmetric_sgen": ("bus",),
}

# Columns of these tables that power flow can do without: newer than the tables, or read where in service only.
SPARE_COLUMNS = frozenset(
    {"sn_a_mva", "sn_b_mva", "sn_c_mva", "current_source", "slack_weight", "vm_pu", "tap_dependency_table"}
    | {"tap_neutral", "tap_min", "tap_max", "tap_step_percent", "tap_step_degree", "tap_pos"}
)


def columns_of(table: str) -> dict[str, Column]:
    """Columns of a described table by name; empty for any other table.

    Examples
    --------
    >>> list(columns_of("ward"))
    ['bus', 'ps_mw', 'qs_mvar', 'pz_mw', 'qz_mvar', 'in_service']
    """
    return next(({c.name: c for c in t.columns} for t in TABLES if t.name == table), {})
