"""Input faults of a pandapower net, found before anything is built; each check returns sentences.

A check looks at one thing and knows nothing of the others; `require_sound` collects them all and raises
once.  A sentence names element, index, value, what is allowed and the next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError, UnsupportedElement
from adnflex.grid.options import has_dependent_loads, option_faults
from adnflex.grid.sound import TableFaults

# What runpp knows and no formulation here does: the reason and the way out.
_REFUSED = {
    "gen": "its reactive power follows a voltage set-point; fix its present reactive power by "
    "`pandapower.runpp(net); pandapower.toolbox.replace_gen_by_sgen(net, gens=[{i}])` (its voltage is then no longer "
    "held) or, if it is the source, set slack=True",
    "xward": "it holds a voltage behind an impedance; keep its constant power and constant impedance by "
    "`pandapower.toolbox.replace_xward_by_ward(net, index=[{i}])` (the voltage and the impedance behind it are lost, "
    "so flows and losses change)",
    "trafo3w": "it has three windings; replace it by three two-winding transformers at a common bus (star equivalent)",
    "impedance": "its impedance may differ by direction; where both directions are equal, and without shunts, the same "
    "is a line: `pandapower.toolbox.replace_impedance_by_line(net, index=[{i}])`; with "
    "only_valid_replace=False that of the from side counts both ways",
    "dcline": "it couples two points by a converter, which dispatch and flexibility decide where controllable is True; "
    "elsewhere put the powers of its set-point at both ends by "
    "`pandapower.runpp(net); d, r = net.dcline.loc[{i}], net.res_dcline.loc[{i}]; "
    "pandapower.create_load(net, d.from_bus, r.p_from_mw, r.q_from_mvar); "
    "pandapower.create_load(net, d.to_bus, r.p_to_mw, r.q_to_mvar); net.dcline.loc[{i}, 'in_service'] = False` "
    "(its voltages are then no longer held)",
    "svc": "it controls a voltage; fix its present reactive power by "
    "`pandapower.runpp(net); pandapower.create_load(net, net.svc.bus[{i}], 0.0, net.res_svc.q_mvar[{i}]); "
    "net.svc.loc[{i}, 'in_service'] = False` (the voltage is then no longer held)",
    "ssc": "it controls a voltage; fix its present reactive power by "
    "`pandapower.runpp(net); pandapower.create_load(net, net.ssc.bus[{i}], 0.0, net.res_ssc.q_mvar[{i}]); "
    "net.ssc.loc[{i}, 'in_service'] = False` (the voltage is then no longer held)",
    "vsc": "it belongs to a DC network; replace it by an sgen",
    "vsc_stacked": "it belongs to a DC network; replace it by an sgen",
    "vsc_bipolar": "it belongs to a DC network; replace it by an sgen",
    "source_dc": "DC networks are not modelled; take it out of service",
    "load_dc": "DC networks are not modelled; take it out of service",
    "tcsc": "it controls a flow; keep its present reactance as a line by "
    "`pandapower.runpp(net); t, r = net.tcsc.loc[{i}], net.res_tcsc.loc[{i}]; "
    "pandapower.create_line_from_parameters(net, t.from_bus, t.to_bus, 1.0, 0.0, r.x_ohm, 0.0, float('nan')); "
    "net.tcsc.loc[{i}, 'in_service'] = False` (the flow is then no longer held)",
    "line_dc": "DC networks are not modelled; take it out of service",
    "asymmetric_load": "models here are balanced; put the sum of the phases in its place by "
    "`a = net.asymmetric_load.loc[{i}]; pandapower.create_load(net, a.bus, a.p_a_mw + a.p_b_mw + a.p_c_mw, a.q_a_mvar "
    "+ a.q_b_mvar + a.q_c_mvar, scaling=a.scaling); net.asymmetric_load.loc[{i}, 'in_service'] = False` (balanced "
    "power flow sees the same sum)",
    "asymmetric_sgen": "models here are balanced; put the sum of the phases in its place by "
    "`a = net.asymmetric_sgen.loc[{i}]; pandapower.create_sgen(net, a.bus, a.p_a_mw + a.p_b_mw + a.p_c_mw, a.q_a_mvar "
    "+ a.q_b_mvar + a.q_c_mvar, scaling=a.scaling); net.asymmetric_sgen.loc[{i}, 'in_service'] = False` (balanced "
    "power flow sees the same sum)",
}


def shorten(items: Iterable[Any], most: int = 8) -> str:
    """List items for a sentence, the first few of many.

    Examples
    --------
    >>> shorten(range(3))
    '0, 1, 2'
    >>> shorten(range(12), most=3)
    '0, 1, 2 and 9 more'
    """
    texts = [str(i) for i in items]
    rest = len(texts) - most
    return ", ".join(texts) if rest <= 0 else f"{', '.join(texts[:most])} and {rest} more"


def require_sound(net: pandapowerNet, tables: TableFaults, extra: Sequence[str] = (), converters: bool = False) -> None:
    """Raise once with every fault of the net.

    Parameters
    ----------
    net : pandapowerNet
        The caller's net; it is only read.
    tables : TableFaults
        What is wrong with its tables.
    extra : sequence of str
        Further findings to report together with these.
    converters : bool
        Whether controllable dclines are decisions; they are refused as the others otherwise.

    Raises
    ------
    UnsupportedElement
        If all faults are elements that no model here holds.
    InputError
        If there is any other fault.
    """
    if tables.types:
        raise InputError([*tables.types, *tables.values])
    unsupported = [*option_faults(net), *_unsupported(net, converters), *_current_loads(net)]
    faults = [*tables.values, *_trafo_impedances(net), *_zero_impedance(net), *_sources(net), *extra]
    if faults:
        raise InputError([*faults, *unsupported])
    if unsupported:
        raise UnsupportedElement(unsupported)


def _in_service(net: pandapowerNet, table: str) -> pd.DataFrame:
    """Rows of a table that take part in power flow (an out-of-service line may still be a tie)."""
    rows = net[table]
    if table == "line" or "in_service" not in rows.columns:
        return rows
    return rows[rows["in_service"].to_numpy(dtype=bool)]


def _unsupported(net: pandapowerNet, converters: bool) -> list[str]:
    found: list[str] = []
    for table, reason in _REFUSED.items():
        if table not in net or not len(net[table]):
            continue
        rows = _in_service(net, table)
        if table == "gen" and "slack" in rows.columns:
            rows = rows[~rows["slack"].fillna(False).to_numpy(dtype=bool)]
        if table == "dcline" and converters and "controllable" in rows.columns:
            rows = rows[~rows["controllable"].fillna(False).to_numpy(dtype=bool)]
        found.extend(f"{table} {i} is not supported: {reason.replace('{i}', str(i))}." for i in rows.index)
    return found


def _current_loads(net: pandapowerNet) -> list[str]:
    """Constant-current shares are linear in the voltage magnitude, not in its square."""
    if not has_dependent_loads(net):
        return []
    rows = _in_service(net, "load")
    found: list[str] = []
    for column in ("const_i_p_percent", "const_i_q_percent"):
        if column in rows.columns:
            bad = rows[column].fillna(0.0).to_numpy(dtype=float) != 0
            found.extend(
                f"load {i} is not supported: {column} is {rows.at[i, column]:g}; constant-current shares are not "
                "linear in squared voltage, split it into constant power and constant impedance (half of the share as "
                f"constant impedance and {column} = 0 has the same slope at rated voltage)."
                for i in rows.index[bad]
            )
    return found


def _trafo_impedances(net: pandapowerNet) -> list[str]:
    """Find transformers without an impedance, or with more resistance than that, which leaves no real reactance."""
    rows = _in_service(net, "trafo")
    whole, part = (pd.to_numeric(rows[c], errors="coerce").to_numpy(float) for c in ("vk_percent", "vkr_percent"))
    zero = [f"trafo {i}: vk_percent is 0; give a number other than 0." for i in rows.index[whole == 0]]
    return zero + [
        f"trafo {i}: vkr_percent is {b:g}, more than vk_percent {a:g}, so its reactance is no number; give "
        "vkr_percent of vk_percent at most."
        for i, a, b in zip(rows.index, whole, part, strict=True)
        if np.isfinite(a) and a != 0 and b > abs(a)
    ]


def _zero_impedance(net: pandapowerNet) -> list[str]:
    z = net.line[["r_ohm_per_km", "x_ohm_per_km"]].to_numpy(dtype=float)
    return [
        f"line {i}: r_ohm_per_km and x_ohm_per_km are both 0; power flow has no answer, "
        "use a closed bus-bus switch instead."
        for i in net.line.index[(z == 0).all(axis=1)]
    ]


def _sources(net: pandapowerNet) -> list[str]:
    grids = _in_service(net, "ext_grid")
    slack = _in_service(net, "gen")
    slack = slack[slack["slack"].fillna(False).to_numpy(dtype=bool)] if len(slack) else slack
    if len(grids) or len(slack):
        return []
    if not len(net.bus):
        return ["the net has no buses; give a net with buses, lines and an external grid."]
    return ["the net has no external grid in service; add one with pandapower.create_ext_grid(net, bus, vm_pu=1.0)."]


def limit_faults(net: pandapowerNet) -> list[str]:
    """Find missing or contradictory voltage limits in ``bus.min_vm_pu`` and ``bus.max_vm_pu``."""
    buses = net.bus[net.bus["in_service"].to_numpy(dtype=bool)]
    limits = buses.reindex(columns=["min_vm_pu", "max_vm_pu"]).astype(float)
    lacking = limits.isna()
    found = []
    if lacking.to_numpy().any():
        columns = " and ".join(c for c in limits.columns if lacking[c].any())
        found.append(
            f"bus {shorten(limits.index[lacking.any(axis=1)])}: {columns} missing; set them in net.bus or pass "
            "vm_limits=(0.95, 1.05) for all buses (command line: --vm-limits 0.95 1.05)."
        )
    crossed = limits[limits["min_vm_pu"] > limits["max_vm_pu"]]
    found.extend(
        f"bus {i}: min_vm_pu {low:g} is above max_vm_pu {high:g}; give a lower limit below the upper one."
        for i, low, high in crossed.itertuples()
    )
    return found
