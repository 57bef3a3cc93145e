"""The options of power flow that a net carries (``user_pf_options``): one reading for model and AC check.

`pandapower.runpp` counts an argument as passed only where it differs from its own default, and takes everything else
from the net.  So an option in the net cannot be overruled by naming its default: whoever runs power flow beside a
model has to read it.  Every option is one of three kinds: *honoured* by model and check alike, *harmless* (it says how
to solve, not what), or *refused* by name where it would change the answer.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import UnsupportedElement


@dataclass(frozen=True)
class PowerFlowOptions:
    """What power flow computes; the defaults are those of `pandapower.runpp`.

    Attributes
    ----------
    calculate_voltage_angles : bool or ``"auto"``
        Whether shifts of phase count.
    trafo_model : str
        ``"t"`` or ``"pi"``.
    trafo_loading : str
        Loading of a transformer by ``"current"`` or by ``"power"``.
    voltage_depend_loads : bool
        Whether constant-impedance shares count.
    consider_line_temperature : bool
        Whether resistances are those at ``line.temperature_degree_celsius``.
    switch_rx_ratio : float
        Resistance over reactance of a bus-bus switch with ``z_ohm``.
    neglect_open_switch_branches : bool
        Whether a branch that is open at one end carries no charging current.

    Examples
    --------
    >>> PowerFlowOptions().trafo_model
    't'
    >>> PowerFlowOptions(trafo_model="pi").changed
    {'trafo_model': 'pi'}
    """

    calculate_voltage_angles: bool | str = True
    trafo_model: str = "t"
    trafo_loading: str = "current"
    voltage_depend_loads: bool = True
    consider_line_temperature: bool = False
    switch_rx_ratio: float = 2.0
    neglect_open_switch_branches: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """All of them, as `pandapower.runpp` takes them."""
        return asdict(self)

    @property
    def changed(self) -> dict[str, Any]:
        """Those that are not pandapower's default."""
        usual = PowerFlowOptions().arguments
        return {name: value for name, value in self.arguments.items() if value != usual[name]}


# How to solve, how to start, what to keep: the solution is the same, and the check here chooses for itself.
HARMLESS = frozenset(
    {
        *("algorithm", "init", "init_vm_pu", "init_va_degree", "init_results", "max_iteration", "tolerance_mva"),
        *("check_connectivity", "numba", "lightsim2grid", "v_debug", "recycle", "only_v_results", "use_umfpack"),
        *("permc_spec", "run_control", "copy_constraints_to_ppc", "delta", "delta_q", "trafo3w_losses"),
        *("tdpf_delay_s", "tdpf_update_r_theta", "p_lim_default", "q_lim_default"),
    }
)

_HONOURED: dict[str, tuple[object, ...]] = {
    "calculate_voltage_angles": (True, False, "auto"),
    "trafo_model": ("t", "pi"),
    "trafo_loading": ("current", "power"),
    "voltage_depend_loads": (True, False),
    "consider_line_temperature": (True, False),
    "neglect_open_switch_branches": (True, False),
}

# Algorithms of pandapower that leave voltage-dependent loads out of account.
_BLIND = ("gs", "fdbx", "fdxb", "helm")


def power_flow_options(net: pandapowerNet) -> PowerFlowOptions:
    """Read the options that a net carries.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.

    Raises
    ------
    UnsupportedElement
        For every option that would change the answer and that no model here holds.

    Examples
    --------
    >>> import pandapower as pp
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> pp.set_user_pf_options(net, consider_line_temperature=False, trafo_model="pi", max_iteration=30)
    >>> power_flow_options(net).changed
    {'trafo_model': 'pi'}
    """
    carried = _carried(net)
    if not carried:
        return PowerFlowOptions()
    if faults := option_faults(net):
        raise UnsupportedElement(faults)
    return PowerFlowOptions(**_values(carried))


def changed_options(net: pandapowerNet) -> dict[str, Any]:
    """Honoured options of a net that differ from pandapower's default, as they stand; they belong to its identity."""
    usual = PowerFlowOptions().arguments
    return {name: value for name, value in _carried(net).items() if name in usual and value != usual[name]}


def option_faults(net: pandapowerNet) -> list[str]:
    """Name every option of a net that cannot be honoured, with the way out."""
    carried = _carried(net)
    found = [
        _say(name, value, f"it must be one of {', '.join(map(repr, _HONOURED[name]))}", name)
        for name, value in carried.items()
        if name in _HONOURED and not _is_one_of(value, _HONOURED[name])
    ]
    found += [_say(n, v, reason, n) for n, v in carried.items() if n in _REFUSED and (reason := _REFUSED[n](net, v))]
    known = {*_HONOURED, *_REFUSED, *HARMLESS}
    for name, value in carried.items():
        if name not in known:
            near = difflib.get_close_matches(str(name), sorted(known), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            found.append(_say(name, value, f"it is unknown here{hint}", None))
    if not found:
        found = _unmet_needs(net, PowerFlowOptions(**_values(carried)), str(carried.get("algorithm", "nr")))
    return found


def _carried(net: pandapowerNet) -> dict[str, Any]:
    """Options of a net as plain Python values."""
    options = net.get("user_pf_options")
    if not isinstance(options, Mapping):
        return {}
    return {str(name): v.item() if isinstance(v, np.generic) else v for name, v in options.items()}


def _values(carried: dict[str, Any]) -> dict[str, Any]:
    values = {name: carried[name] for name in _HONOURED if name in carried}
    # a net from Excel has 0 and 1
    values = {name: bool(v) if isinstance(v, int | float) else v for name, v in values.items()}
    if "switch_rx_ratio" in carried:
        values["switch_rx_ratio"] = float(carried["switch_rx_ratio"])
    return values


def _say(name: str, value: object, why: str, reset: str | None) -> str:
    usual = {"enforce_p_lims": False, "enforce_q_lims": False, "distributed_slack": False, "tdpf": False}
    way = (
        f"net.user_pf_options.pop({name!r})"
        if reset not in usual
        else f"pandapower.set_user_pf_options(net, {name}=False)"
    )
    return f"user_pf_options: {name} is {value!r}: {why}; take it out by {way}."


def _no_tdpf(net: pandapowerNet, value: object) -> str:
    if not value:
        return ""
    return "resistances then follow the flow itself, which no formulation here holds"


def _no_shared_slack(net: pandapowerNet, value: object) -> str:
    if not value:
        return ""
    count = sum(len(rows) for rows in _sources(net))
    if count > 1:
        return f"the {count} sources would share the imbalance, while every tree of a plan has its own"
    weights = [float(w) for rows in _sources(net) for w in rows.get("slack_weight", pd.Series(1.0, rows.index))]
    return "" if all(w > 0 for w in weights) else "the only source has a slack_weight of 0"


def _sources(net: pandapowerNet) -> list[pd.DataFrame]:
    grids, gens = net.ext_grid, net.gen
    slack = gens["in_service"].astype(bool) & gens["slack"].fillna(False).astype(bool) if len(gens) else []
    return [grids[grids["in_service"].astype(bool)], gens[slack] if len(gens) else gens]


def _no_cut(columns: tuple[str, str], curves: bool) -> Callable[[pandapowerNet, object], str]:
    """Refuse limits that power flow would cut a set-point to: a plan's set-points are what they are."""

    def reason(net: pandapowerNet, value: object) -> str:
        if not value:
            return ""
        limited = []
        for table, rows in (("sgen", net.sgen), *zip(("ext_grid", "gen"), _sources(net), strict=True)):
            if not len(rows):
                continue
            alive = rows[rows["in_service"].astype(bool)]
            limits = alive.reindex(columns=list(columns)).apply(pd.to_numeric, errors="coerce")
            bounded = np.isfinite(limits.to_numpy(dtype=float)).any(axis=1)
            if curves and "reactive_capability_curve" in alive.columns:
                bounded |= alive["reactive_capability_curve"].fillna(False).astype(bool).to_numpy()
            if table != "sgen" and not curves:
                continue  # active power of a source is never cut
            limited += [f"{table} {i}" for i in alive.index[bounded]]
        if not limited:
            return ""
        names = ", ".join(limited[:8]) + (f" and {len(limited) - 8} more" if len(limited) > 8 else "")
        return f"power flow would move {names} to their limits and not run the plan as it is"

    return reason


_REFUSED: dict[str, Callable[[pandapowerNet, Any], str]] = {
    "tdpf": _no_tdpf,
    "distributed_slack": _no_shared_slack,
    "enforce_p_lims": _no_cut(("min_p_mw", "max_p_mw"), curves=False),
    "enforce_q_lims": _no_cut(("min_q_mvar", "max_q_mvar"), curves=True),
    "ac": lambda net, value: "" if value in (True, 1) else "plans are proven in AC power flow",
    "mode": lambda net, value: "" if value == "pf" else "plans are proven in balanced AC power flow, mode 'pf'",
    "switch_rx_ratio": lambda net, value: "" if _is_ratio(value) else "it must be a number of 0 or more",
}


def _is_one_of(value: object, allowed: tuple[object, ...]) -> bool:
    return isinstance(value, bool | str | int | float) and value in allowed


def _is_ratio(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value)) and value >= 0


def _unmet_needs(net: pandapowerNet, options: PowerFlowOptions, algorithm: str) -> list[str]:
    """Say what in the net an option needs and does not find, or what it contradicts."""
    found: list[str] = []
    if options.consider_line_temperature and len(net.line):
        lacking = _not_finite(net.line, "temperature_degree_celsius")
        if len(lacking):
            found.append(
                "user_pf_options: consider_line_temperature is True but temperature_degree_celsius is missing for line "
                f"{', '.join(map(str, lacking[:8]))}; set it in net.line, or use "
                "pandapower.set_user_pf_options(net, consider_line_temperature=False)."
            )
    if options.trafo_loading == "power" and "max_loading_percent" in net.trafo.columns:
        rated = net.trafo.index[net.trafo["max_loading_percent"].notna().to_numpy()]
        if len(rated):
            found.append(
                f"user_pf_options: trafo_loading is 'power' and trafo {', '.join(map(str, rated[:8]))} has a "
                "max_loading_percent: the limits here are limits of current; use "
                "pandapower.set_user_pf_options(net, trafo_loading='current'), or leave max_loading_percent out."
            )
    if algorithm in _BLIND and options.voltage_depend_loads and has_dependent_loads(net):
        found.append(
            f"user_pf_options: algorithm {algorithm!r} leaves the constant-impedance shares of loads out of account; "
            "use pandapower.set_user_pf_options(net, algorithm='nr') to have them, or voltage_depend_loads=False to "
            "have constant power."
        )
    return found


def _not_finite(rows: pd.DataFrame, column: str) -> pd.Index:
    values = pd.to_numeric(rows.get(column, pd.Series(np.nan, rows.index)), errors="coerce").to_numpy(dtype=float)
    return rows.index[~np.isfinite(values)]


def has_dependent_loads(net: pandapowerNet) -> bool:
    """Whether power flow of the net lets any load depend on voltage."""
    if _carried(net).get("voltage_depend_loads", True) in (False, 0):
        return False
    columns = [c for c in net.load.columns if c.startswith("const_")]
    return bool((net.load[columns].fillna(0.0).to_numpy(dtype=float) != 0).any())
