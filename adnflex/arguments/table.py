"""What the arguments of the verbs mean: one name for one thing, and what is right for it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from adnflex.arguments.kind import Kind
from adnflex.arguments.kinds import (
    either,
    element_index,
    having,
    indices,
    instance,
    mapping,
    nothing,
    number,
    numbers,
    of_class,
    pair,
    path,
    several,
    text,
    truth,
    whole,
    word,
)
from adnflex.arguments.study_kinds import element, element_limits, elements, limits, windows
from adnflex.arguments.variants import variants

# Tables whose elements can be out.
FAILING = ("line", "trafo", "switch", "ext_grid", "gen", "bus")
_CALLABLE = having("a function", "__call__")
_LINES = "line indices, 'all' or None (lines with a switch)"
_PER_PERIOD = "one number, or one for each period"

_POLICY = either("the name of a policy, or an object with a method decide", text(), having("", "decide"))
_PLAN = of_class(
    "Plan",
    "MultiPeriodPlan",
    "DispatchPlan",
    "Flexibility",
    "Region",
    "RollingRun",
    "OperationsFrontier",
    "SwitchingSequence",
    "Restoration",
)

# By what they are about, as help shows them.
GROUPS: dict[str, dict[str, Kind]] = {
    "what is asked": {
        "objective": either(
            "'losses', 'switching', 'voltage' or weights such as {'losses': 1.0}",
            mapping("weights", text(), number("a weight")),
            text(),
        ),
        "switching_cost": number("a cost of 0 or more", 0.0),
        "period_weights": numbers(_PER_PERIOD),
        "outage": elements("('line', 12) or a list of such pairs"),
        "generation_returns": truth(),
        "islands": elements("('sgen', 3) or a list of such pairs"),
        "taps": indices("indices of transformers such as [0, 1]"),
        "curtailable": either("load indices or 'all'", word("all"), indices("")),
        "before": of_class("pandapowerNet"),
        "outages": several("a list of tables such as ['line', 'trafo']", word(*FAILING)),
        "parallel_sources": truth(),
        "short_circuit": truth(),
        "reliability": truth(),
        "max_angle_degree": number("degrees of 0 or more", 0.0),
        "max_vm_difference_pu": number("per unit of 0 or more", 0.0),
        "direction": word("both", "up", "down", "symmetric", says="one of both, up, down, symmetric"),
        "required_mw": pair("two widths, (below the base, above the base) [MW]", numbers(""), numbers("")),
        "base_mw": numbers(_PER_PERIOD),
        "final_energy": either(
            "'free', 'initial' or percent of max_e_mwh (0 to 100)", word("free", "initial"), number("", 0.0, 100.0)
        ),
        "tie_break": word("none", "even"),
        "method": word("auto", "ccg"),
        "memory": whole("1 to 8 periods", 1, high=8),
        "positions": word("fixed", "search"),
        "reactive_power": truth(),
        "without_q": truth(),
        "sides": whole("a multiple of 4 from 8 on, e.g. 16 or 64", 8, 4, 1024),
        "compare": mapping("{name: open lines}", text(), indices("line indices")),
        "loss_cost_per_mwh": numbers(_PER_PERIOD),
        "co2_kg_per_mwh": numbers(_PER_PERIOD),
        "carbon_price_per_kg": number("a number of 0 or more", 0.0),
        "carbon_budget_kg": number("kilograms, or None for no budget"),
        "follow": of_class("DispatchPlan"),
        "change": having("a function of the Pyomo model", "__call__"),
        "exact": truth(),
        "bound": truth(),
        "points": whole("2 or more", 2),
        "operations": indices("numbers of 0 or more such as [0, 2, 4], or None for all that gain", empty=False),
        "directions": whole("3 or more", 3, high=4096),
    },
    "limits": {
        "vm_limits": limits(),
        "max_loading_percent": number("percent above 0", 0.0, above=True),
        "emergency_factor": number("a factor of 1 or more; tighter limits are those of max_loading_percent", 1.0),
        "limits": element_limits(),
    },
    "what may be switched": {
        "switchable_lines": either(_LINES, word("all"), indices("")),
        "switchable_switches": indices("a list of indices of net.switch"),
        "locked_lines": indices("line indices"),
        "other_net": of_class("pandapowerNet"),
        "open_lines": indices("line indices"),
        "open_switches": indices("a list of indices of net.switch"),
        "closed_switches": indices("a list of indices of net.switch"),
        "start": word("present", "free"),
        "restorable": word("as present"),
        "windows": windows(),
        "max_operations": either("0 or more, or None for no limit", nothing(), whole("", 0)),
    },
    "when and where": {
        "profiles": instance("{(table, column): DataFrame}", Mapping),
        "periods": indices("rows of the profiles, each once and in order, such as range(24)", empty=False),
        "days": whole("an integer of at least 1"),
        "period": either("a row of the profiles, or the name of a situation", whole("a row", 0), text()),
        "year": truth(),
        "hours_per_period": number("hours above 0", 0.0, above=True),
        "start_hour": number("a clock hour of 0 or more", 0.0),
        "scenarios": of_class("ScenarioSet"),
        "situations": mapping("{name: net}", text(), of_class("pandapowerNet")),
        "step": whole("the number of a step, 0 for before the first", 0),
        "pcc": element("('ext_grid', 0), ('trafo', 0) or ('line', 0)"),
    },
    "what may come": {
        "sigma_percent": either(
            "percent of 0 or more, or percent by type of generator such as {'PV': 5.0, 'WP': 4.0}",
            mapping("", text(), number("", 0.0)),
            number("", 0.0),
        ),
        "proportional": several("a list of types of generators such as ['PV']", text(), empty=True),
        "common_weather": truth(),
        "ar": several("a list of numbers such as [0.8, 0.15, -0.15]", number("")),
        "ma": several("a list of numbers such as [0.8, 0.2]", number("")),
        "vehicles": mapping("{load index: number of vehicles}", element_index(), whole("", 1)),
        "law": of_class("VehicleLaw"),
        "fleet": word("mean", "runs"),
        "runs": whole("1 or more", 1, high=100_000),
        "count": whole("1 or more", 1, high=10_000),
        "keep": either("1 or more, or None for all", nothing(), whole("", 1)),
    },
    "how long and with what": {
        "gap": number("a relative gap of 0 or more, e.g. 1e-4", 0.0),
        "time_limit": number("seconds above 0", 0.0, above=True, infinite=True),
        "search_time": number("seconds of 0 or more", 0.0, infinite=True),
        "gap_in": word("cost", "losses", says="'cost', 'losses', or None for losses where lines may be switched"),
        "solver": text("'auto' or the name of a solver"),
        "formulation": text("'auto' or the name of a formulation, e.g. 'distflow'"),
        "progress": _CALLABLE,
        "executor": having("a concurrent.futures.Executor or a Dask client", "submit", "map"),
        "workers": whole("1 or more, or None for one a core", 1),
        "seed": whole("a whole number of 0 or more", 0, high=math.inf),
        "name": text("text"),
        "store": path(),
        "engine": word("auto", "pandapower", "power-grid-model"),
        "trajectories": whole("2 or more", 2),
        "levels": either("2 or more, or None", nothing(), whole("", 2)),
    },
    "the rolling schedule": {
        "case": of_class("RollingCase"),
        "policies": several("a list of at least one name", _POLICY),
        "policy": _POLICY,
        "simulations": whole("an integer of at least 1", 1),
        "day": whole("0 or more", 0),
        "hours": whole("1 or more", 1),
        "library_days": whole("1 or more", 1),
        "reactive": either(
            "'auto', 'scenarios', 'mean', None, or a callable",
            nothing(),
            word("auto", "scenarios", "mean"),
            having("", "__call__"),
        ),
        "sweeps": whole("an integer of at least 1", 1),
        "future": word("sample", "mean"),
        "common": truth(),
        "check": truth(),
        "state": path(),
        "path": path(),
        "tariff": text("a profile of the price of the sources"),
        "weather": text("a name of net.study"),
        "currency": text("text"),
        "buy_price_per_mwh": numbers("a number, or one for each hour", finite=True),
        "ev_price_per_mwh": numbers("a number, or one for each hour", finite=True),
        "ev_subsidy_per_vehicle": number("a finite number"),
        "stored_value_per_mwh": number("a finite number"),
        "exchange_limit_mw": either(
            "a number of 0 or more [MW], one for each node, a row of them for each hour, or 'feeder'",
            word("feeder"),
            numbers(""),
        ),
        "renewables": having("an object with sample(state, hour, n, rng)", "sample"),
        "arrivals": either(
            "a table in the form of net.ev, or an object with sample(rng)",
            instance("", pd.DataFrame),
            having("", "sample"),
        ),
        "margin_pu": number("pu of 0 or more", 0.0),
    },
    "results": {
        "plan": Kind(
            "what reconfigure, dispatch, flexibility, pq_region, schedule_rolling or operations_frontier returned",
            _PLAN.read,
        ),
        "point": whole("the number of a point", 0),
        "scenario": whole("the number of a scenario", 0),
        "import_mw": number("MW inside the box"),
        "trajectory_mw": numbers("one value for each period"),
        "share": number("a share", -1.0),
    },
}

ARGUMENTS: dict[str, Kind] = {name: kind for group in GROUPS.values() for name, kind in group.items()}
GROUPS["what is asked"]["variants"] = ARGUMENTS["variants"] = variants(ARGUMENTS)
