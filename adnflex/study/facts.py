"""Facts of a whole net: step, prices, laws and settings in ``net.study``, one form for every verb."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.schema import FACTS
from adnflex.knobs import Horizon

# Where such facts stood, or may be looked for.
_ELSEWHERE = ("dispatch", "rolling")
_MOVED = {
    "load_factor": "give net.profiles['load'] and load.profile",
    "tariff": "give ext_grid.profile",
    "tariffs_per_mwh": "give columns <name>_price of net.profiles['ext_grid']",
}

# Of a dispatch: keyword arguments that may stand in the net, with what holds where they are nowhere.
_DEFAULTS: dict[str, Any] = {
    "currency": "EUR",
    "hours_per_period": None,
    "start_hour": None,
    "loss_cost_per_mwh": 0.0,
    "carbon_price_per_kg": 0.0,
    "carbon_budget_kg": None,
}


def study_facts(net: pandapowerNet) -> dict[str, Any]:
    """Return what the net says of itself as a whole.

    Raises
    ------
    InputError
        If ``net.study`` is no dict or has an entry that nobody reads, or facts stand under another name.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> net["study"] = {"currency": "CHF"}
    >>> study_facts(net)
    {'currency': 'CHF'}
    """
    faults = [
        f"net.{name} is not read; its entries belong into net.study: net['study'] = {{**net.get('study', {{}}), "
        f"**net.pop('{name}')}}."
        for name in _ELSEWHERE
        if isinstance(net.get(name), Mapping)
    ]
    found = net.get("study", {})
    if not isinstance(found, Mapping):
        faults.append(f"net.study is a {type(found).__name__}; give a dict with some of {', '.join(FACTS)}.")
        found = {}
    for key in sorted(set(map(str, found)) - set(FACTS)):
        close = difflib.get_close_matches(key, FACTS, n=1)
        hint = _MOVED.get(key) or (f"did you mean {close[0]!r}?" if close else f"known are {', '.join(FACTS)}.")
        faults.append(f"net.study: {key} is not known; {hint}")
    if faults:
        raise InputError(faults)
    return dict(found)


def settings(net: pandapowerNet, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a dispatch: those of the caller, else those in ``net.study``, else defaults."""
    found = {**_DEFAULTS, **{k: v for k, v in study_facts(net).items() if k in _DEFAULTS}}
    found.update({k: v for k, v in given.items() if v is not None})
    faults = []
    for name, low in (("loss_cost_per_mwh", 0.0), ("carbon_price_per_kg", 0.0), ("start_hour", 0.0)):
        if found[name] is None and name == "start_hour":
            continue  # that of the times of the profiles
        if not (isinstance(found[name], int | float) and math.isfinite(found[name]) and found[name] >= low):
            faults.append(f"{name} is {found[name]!r}; give a number of {low:g} or more.")
    budget = found["carbon_budget_kg"]
    if budget is not None and not math.isfinite(float(budget)):
        faults.append(f"carbon_budget_kg is {budget!r}; give kilograms, or None for no budget.")
    if faults:
        raise InputError(faults)
    return found


def settled(net: pandapowerNet, asked: Horizon) -> Horizon:
    """Return the horizon with what the net itself says of its hours, where the caller says nothing."""
    facts = settings(net, {"hours_per_period": asked.hours_per_period, "start_hour": asked.start_hour})
    return replace(asked, hours_per_period=facts["hours_per_period"], start_hour=facts["start_hour"])
