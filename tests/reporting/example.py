"""A plan and its check small enough to read: four buses in a ring, the opening moved to where it costs least.

The numbers are those of AC power flow. The examples in the documentation use it, and so may whoever wants to
see a report before having solved anything.
"""

from __future__ import annotations

import math

import pandas as pd

from adnflex.results import Check, Plan

__all__ = ["example"]

_NAN = math.nan


def example() -> tuple[Plan, Check]:
    """Return the plan of a four-bus ring and its check.

    Examples
    --------
    >>> plan, check = example()
    >>> plan.open_lines, check.passed
    ([2], True)
    """
    return _plan(), _check()


def _plan() -> Plan:
    """Open line 2 instead of line 3."""
    lines = [
        ("Substation – North", 0, 1, True, True, 2.0, 1.316636, 0.537118, 0.082098, 0.082112, 0.012943),
        ("North – East", 1, 2, True, True, 1.5, 0.803693, 0.323582, 0.050637, 0.050647, 0.003693),
        ("East – South", 2, 3, True, False, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        ("Substation – South", 0, 3, False, True, 2.5, 0.603386, 0.242924, 0.037554, 0.037571, 0.003386),
    ]
    columns = ["name", "from_bus", "to_bus", "closed_before", "closed_after", "length_km"]
    flows = ["p_from_mw", "q_from_mvar", "i_from_ka", "i_to_ka", "loss_mw"]
    table = pd.DataFrame(lines, columns=columns + flows)
    table.insert(0, "element", "line")
    table.insert(1, "index", range(4))
    switches = table[["element", "index", *columns[:-1]]].assign(
        operated=table["closed_before"] != table["closed_after"], how="in_service"
    )
    branches = table[["element", "index", *flows]].assign(
        closed=table["closed_after"],
        cone_gap=[2.1e-9, 4.0e-9, _NAN, 1.3e-8],
        cone_loss_mw=[3e-11, 1e-11, _NAN, 4e-11],
    )
    return Plan(
        net_name="ring of four",
        objective_name="losses",
        weights={"losses": 1.0, "switching": 0.0, "voltage": 0.0},
        objective=0.020022,
        bound=0.0200215,
        unit="MW",
        gap=2.5e-5,
        status="optimal",
        switches=switches,
        buses=pd.DataFrame({"vm_pu": [1.0, 0.987828, 0.982206, 0.993049]}),
        branches=branches,
        losses_mw=0.020022,
        losses_before_mw=0.041255,
        progress=pd.DataFrame(
            {
                "seconds": [0.1, 0.4, 0.9],
                "incumbent": [0.041255, 0.020022, 0.020022],
                "bound": [0.0151, 0.0198, 0.0200215],
                "event": ["start", "incumbent", "optimal"],
            }
        ),
        solver="by hand",
        seconds=0.9,
        options={"objective": "losses"},
        fingerprint="ring-of-four",
        topology=table[["element", "index", *columns]].assign(switchable=True),
        coordinates=_coordinates(),
    )


def _coordinates() -> pd.DataFrame:
    """Places of the four buses."""
    return pd.DataFrame(
        {
            "x": [0.0, 1.0, 2.0, 1.0],
            "y": [0.0, 1.0, 0.0, -1.0],
            "name": ["Substation", "North", "East", "South"],
            "vn_kv": 10.0,
            "kind": ["root", "bus", "bus", "bus"],
            "p_mw": [0.0, 0.5, 0.8, 0.6],
            "origin": "geo",
        },
        index=pd.Index(range(4), name="bus"),
    )


def _check() -> Check:
    """Return what AC power flow says about it."""
    buses = pd.DataFrame(
        {
            "vm_before_pu": [1.0, 0.981984, 0.972021, 0.969173],
            "vm_pu": [1.0, 0.987828, 0.982206, 0.993049],
            "vm_model_pu": [1.0, 0.987828, 0.982206, 0.993049],
            "vm_min_pu": 0.95,
            "vm_max_pu": 1.05,
        }
    )
    branches = pd.DataFrame(
        {
            "element": "line",
            "index": range(4),
            "loading_before_percent": [60.66, 44.83, 19.25, _NAN],
            "loading_percent": [41.06, 25.32, _NAN, 18.79],
            "loading_limit_percent": 100.0,
            "loss_mw": [0.012943, 0.003693, 0.0, 0.003386],
            "i_ka": [0.082112, 0.050647, 0.0, 0.037571],
            "i_model_ka": [0.082112, 0.050647, 0.0, 0.037571],
        }
    )
    limits = [
        ("voltage low", 4, "bus", 2, 0.982206, 0.95, 0.032206, "pu"),
        ("voltage high", 4, "bus", 0, 1.0, 1.05, 0.05, "pu"),
        ("loading", 3, "line", 0, 41.06, 100.0, 58.94, "%"),
    ]
    columns = ["kind", "checked", "element", "index", "value", "limit", "margin", "unit"]
    return Check(
        passed=True,
        verdict="power flow converged, the net is radial, every bus is supplied and every limit is met.",
        converged=True,
        radial=True,
        supplied=True,
        objective=0.020022,
        losses_mw=0.020022,
        losses_before_mw=0.041255,
        certificate=2.5e-5,
        certificate_absolute=5e-7,
        violations=pd.DataFrame(columns=["kind", "element", "index", "value", "limit", "excess", "unit"]),
        limits=pd.DataFrame(limits, columns=columns),
        relaxation=_plan().branches.loc[[0, 1, 3], ["element", "index", "cone_gap", "cone_loss_mw"]],
        deviations=pd.DataFrame(
            [("plan", "voltage", 2e-7, "pu", "bus", 2, 2e-7), ("plan", "current", 1e-7, "kA", "line", 0, 1.2e-6)],
            columns=["model", "quantity", "max_abs", "unit", "element", "index", "relative"],
        ),
        buses=buses,
        branches=branches,
    )
