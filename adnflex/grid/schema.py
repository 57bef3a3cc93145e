"""What adnflex reads from the tables of a net: one description that checks, documents and broken nets are made from.

A table is a list of columns; a column says its kind, whether it has to be there, whether a value may be missing, and
its range.  `adnflex.grid.sound` checks a net against it before anything else reads the net.  A device may ask for more
where an element is a decision (see `adnflex.devices`).
"""

from __future__ import annotations

from adnflex.grid.description import (
    Column,
    Table,
    blank,
    bus,
    flag,
    limit,
    maybe,
    not_negative,
    number,
    positive,
    text,
    truth,
    whole,
    word,
)

# What ``net.study`` may hold; docs/devices.md says what it means.
FACTS = (
    "name",
    "published",
    "notes",
    "currency",
    "hours_per_period",
    "start_hour",
    "loss_cost_per_mwh",
    "carbon_price_per_kg",
    "carbon_budget_kg",
    "hours",
    "ev_price_per_mwh",
    "ev_subsidy_per_vehicle",
    "stored_value_per_mwh",
    "exchange_limit_mw",
    "weather",
    "weathers",
    "renewables",
    "vehicle",
    "parking",
    "reactive",
)

# --- the tables -----------------------------------------------------------------------------------

# What a switch stands at, by the letter in its column `et`.
SWITCH_ELEMENTS = {"b": "bus", "l": "line", "t": "trafo", "t3": "trafo3w"}
# What a cost may be of.
_COST_ELEMENTS = ("gen", "sgen", "ext_grid", "load", "dcline", "storage")

# Limits for some hours after a fault stand beside those of every day.
_BUS_LIMITS = maybe("min_vm_pu", "max_vm_pu", "min_vm_pu_emergency", "max_vm_pu_emergency", low=0.0)
_LOADING_LIMITS = limit("max_loading_percent", "max_loading_percent_emergency")
_POWER_LIMITS = limit("min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar")
# How often and how long an element fails; a missing value: what docs/reliability.md says.
_OUTAGE = maybe("failures_per_year", "repair_hours", "switching_hours", low=0.0)
_MOVES = (*maybe("max_moves_per_day", low=0.0), *maybe("cost_per_move", low=0.0))
# A wrong value here spoils power flow also where the element is out of service: 0 times NaN is NaN.
_INJECTION = (*bus("bus"), *number("p_mw", "q_mvar", "scaling", always=True), *truth("in_service"))

TABLES: tuple[Table, ...] = (
    Table("bus", (*positive("vn_kv"), *truth("in_service"), *_BUS_LIMITS)),
    Table(
        "line",
        (
            *bus("from_bus", "to_bus"),
            *positive("length_km"),
            *not_negative("r_ohm_per_km", "c_nf_per_km", "g_us_per_km"),
            # below 0: a series capacitor
            *number("x_ohm_per_km"),
            *whole("parallel", low=1.0),
            *positive("df"),
            *truth("in_service"),
            *blank("max_i_ka"),
            *_LOADING_LIMITS,
            *maybe("failures_per_km_year", "repair_hours", "switching_hours", low=0.0),
        ),
    ),
    Table(
        "trafo",
        (
            *bus("hv_bus", "lv_bus"),
            *positive("sn_mva", "vn_hv_kv", "vn_lv_kv", always=True),
            # below 0: a negative reactance, as reduced equivalents and MATPOWER cases have them
            *number("vk_percent", always=True),
            *not_negative("vkr_percent", "pfe_kw", "i0_percent"),
            *whole("parallel", low=1.0),
            *positive("df"),
            *truth("in_service"),
            *_LOADING_LIMITS,
            *blank("tap_neutral"),
            *maybe("tap_pos", "tap_min", "tap_max", "tap_step_percent", "tap_step_degree", "shift_degree"),
            word("tap_side", ("hv", "lv")),
            *flag("tap_dependency_table", "tap_phase_shifter", "controllable", "oltc"),
            *_MOVES,
            *_OUTAGE,
        ),
    ),
    Table(
        "switch",
        (
            *bus("bus"),
            word("et", tuple(SWITCH_ELEMENTS), required=True),
            Column("element", "reference", by="et"),
            *truth("closed"),
            *blank("z_ohm"),
            *maybe("in_ka", "minutes", low=0.0),
            *flag("remote"),
            *_OUTAGE,
        ),
    ),
    Table(
        "load",
        (
            *_INJECTION,
            *number("const_z_p_percent", "const_i_p_percent", "const_z_q_percent", "const_i_q_percent"),
            *maybe("priority", low=0.0),
            *_POWER_LIMITS,
            *flag("controllable", "keep_energy"),
            *maybe("cost_per_mwh", "transferable_share", "reducible_share", "reduction", "max_reductions"),
            *maybe("transfer_cost_per_mwh", "reduce_cost_per_mwh", "min_reduction_hours", "max_reduction_hours"),
            *maybe("vehicles_per_day"),
            *maybe("customers", "average_mw", low=0.0),
            *text("profile", "transfer_block", "transfer_window", "reduce_windows"),
        ),
    ),
    Table(
        "sgen",
        (
            *_INJECTION,
            *_POWER_LIMITS,
            *flag("controllable", "current_source", "reactive_capability_curve"),
            *limit("sn_mva"),
            *maybe("cost_per_mwh", "cost_per_mvarh", "min_cos_phi", "id_q_capability_characteristic"),
            *text("profile"),
        ),
    ),
    Table(
        "storage",
        (
            *_INJECTION,
            *_POWER_LIMITS,
            *flag("controllable"),
            *limit("sn_mva", "min_e_mwh", "max_e_mwh"),
            *maybe("efficiency_percent", "efficiency_charge_percent", "efficiency_discharge_percent"),
            *maybe("soc_percent", "terminal_soc_percent", "self_discharge_percent_per_hour", "cost_per_mwh"),
            *text("profile"),
        ),
    ),
    Table(
        "shunt",
        (
            *bus("bus"),
            *number("p_mw", "q_mvar", always=True),
            Column("vn_kv", "number", low=0.0, above=True, always=True),
            Column("step", "number", low=0.0, always=True),
            *truth("in_service"),
            *flag("controllable", "constant_q", "step_dependency_table"),
            *maybe("max_step", "min_step", "cost_per_mvarh"),
            *_MOVES,
        ),
    ),
    Table(
        "ward",
        (*bus("bus"), *number("ps_mw", "qs_mvar", "pz_mw", "qz_mvar", always=True), *truth("in_service")),
    ),
    Table(
        "motor",
        (
            *bus("bus"),
            *number("pn_mech_mw", "loading_percent", "scaling", always=True),
            *positive("cos_phi", "efficiency_percent", always=True),
            *truth("in_service"),
        ),
    ),
    Table(
        "ext_grid",
        (
            *bus("bus"),
            *positive("vm_pu"),
            *maybe("va_degree"),
            *truth("in_service"),
            *blank("slack_weight"),
            *_POWER_LIMITS,
            *flag("controllable"),
            *maybe("price_per_mwh", "sell_price_per_mwh", "co2_kg_per_mwh"),
            *maybe("tap_pos", "tap_min", "tap_max", "tap_neutral", "tap_step_percent"),
            *_MOVES,
            *_OUTAGE,
            *text("profile"),
        ),
    ),
    Table(
        "gen",
        (
            *bus("bus"),
            *positive("vm_pu"),
            *truth("in_service"),
            Column("slack", "truth", blank=True),
            *maybe("p_mw", "scaling", "slack_weight"),
            *_OUTAGE,
            *_POWER_LIMITS,
            *flag("controllable"),
            *maybe("price_per_mwh", "sell_price_per_mwh", "co2_kg_per_mwh"),
        ),
    ),
    Table(
        "dcline",
        (
            *bus("from_bus", "to_bus"),
            *number("p_mw"),
            *not_negative("loss_percent", "loss_mw"),
            *positive("vm_from_pu", "vm_to_pu"),
            *truth("in_service"),
            *flag("controllable"),
            *limit("max_p_mw", "min_q_from_mvar", "max_q_from_mvar", "min_q_to_mvar", "max_q_to_mvar", "sn_mva"),
        ),
    ),
    Table(
        "poly_cost",
        (
            word("et", _COST_ELEMENTS, required=True),
            Column("element", "reference", by="et"),
            *maybe("cp0_eur", "cp1_eur_per_mw", "cp2_eur_per_mw2"),
            *maybe("cq0_eur", "cq1_eur_per_mvar", "cq2_eur_per_mvar2"),
        ),
    ),
    Table(
        "pwl_cost",
        (
            word("et", _COST_ELEMENTS, required=True),
            Column("element", "reference", by="et"),
            word("power_type", ("p", "q"), required=True),
        ),
    ),
    Table(
        "ev",
        (
            Column("load", "reference", to="load"),
            *blank("arrival", "departure", "need_kwh", "max_kwh", "p_max_mw"),
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
