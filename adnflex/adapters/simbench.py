"""Study cases from nets that were not made for a dispatch.

Nothing here is read by the models: an adapter fills columns of ``docs/devices.md``, and what it chooses is an argument.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandapower.auxiliary import pandapowerNet

from adnflex.errors import InputError

DEFAULT_DAY = 149
_TARIFF = "tariff"


def simbench_case(
    net: pandapowerNet,
    days: int | range = DEFAULT_DAY,
    *,
    soc_percent: float = 50.0,
    storage_reactive_power: bool = False,
    price_per_mwh: float = 100.0,
    sell_price_per_mwh: float = 60.0,
    price_profile: Sequence[float] | None = None,
    hours_per_period: float = 0.25,
) -> pandapowerNet:
    """Make a day of a SimBench net, or some in a row, a study case for the dispatch.

    As shipped, the storages of SimBench's future scenarios cannot be charged (``max_p_mw`` is 0), are empty, are not
    controllable, and hold their efficiency as a fraction in a column called percent; no price is given. Taken literally
    that is no case for a dispatch. This function writes into a copy:

    * storages: controllable, from -``sn_mva`` to +``sn_mva``, idle beforehand, half full and half full again at the
      end, between ``min_e_mwh`` and ``max_e_mwh`` as shipped; ``efficiency_percent`` of 0.95 becomes 95 %, which holds
      for charging and again for discharging; ``self-discharge_percent_per_day`` becomes the rate of an hour that gives
      the same over 24 h; ``cost_per_mwh`` is 5, wear of energy charged and again of energy discharged;
    * static generators: controllable down to 0, what is available by their profile, at the reactive power they have;
    * grid connection: a tariff and ``co2_kg_per_mwh`` of 400; what is fed back is sold below the price;
    * ``net.profiles``: the rows of these days, numbered from 0, with feed-in a hair below zero (1e-5 of the rating at
      most) set to zero; ``net.study``: the step and the currency.

    What is no argument is a column of the copy, which you may change: ``net.storage["cost_per_mwh"] = 0``,
    ``net.sgen["controllable"] = False``, ``net.ext_grid["co2_kg_per_mwh"] = 300``, or an entry of ``net.study``.
    Loads, lines, switches, voltage limits and the set point of the grid connection stay. So do the taps: SimBench's
    transformers have no ``tap_changer_type``, without which pandapower ignores their position.

    Parameters
    ----------
    net : pandapowerNet
        A net of ``simbench.get_simbench_net``, with its ``net.profiles``. It is not changed.
    days : int or range
        Day of the year from 0, or several in a row: ``range(7, 14)`` is a week, ``range(366)`` the year. From midnight
        to midnight without summer time, which SimBench's column ``time`` has. 149 is 29 May 2016: in
        ``1-MV-rural--2-sw`` it has the widest range, from 26 MW of surplus to 4 MW of deficit, and is above 1.055 pu in
        43 of its 96 quarter-hours if nothing is done.
    soc_percent : float
        Energy in every storage before the first day [% of ``max_e_mwh``].
    storage_reactive_power : bool
        Whether storages may use their shipped range of reactive power; otherwise it stays as it is.
    price_per_mwh, sell_price_per_mwh : float
        Of energy bought and of energy fed back [currency/MWh].
    price_profile : sequence of float, optional
        Factor of both prices, one a period of all days; flat by default.
    hours_per_period : float
        Step of the profiles [h]; SimBench's are quarter-hours.

    Returns
    -------
    pandapowerNet
        A copy with the profiles of these days.

    Raises
    ------
    InputError
        An argument or a column is missing or out of range; one sentence a fault.

    Examples
    --------
    >>> net = simbench_case(simbench.get_simbench_net("1-MV-rural--2-sw"))  # doctest: +SKIP
    >>> len(net.profiles["load"]), net.storage.max_p_mw.sum().round(2)  # doctest: +SKIP
    (96, 13.76)
    """
    span = days if isinstance(days, range) else range(days, days + 1)
    findings = [
        *_faulty_prices(soc_percent, price_per_mwh, sell_price_per_mwh),
        *_faulty_time(net, span, hours_per_period, price_profile),
        *_faulty_storages(net),
        *_faulty_limits(net),
    ]
    if findings:
        raise InputError(findings)
    # A year of profiles is large: copy the net without them.
    result = copy.deepcopy(pandapowerNet({name: value for name, value in net.items() if name != "profiles"}))
    periods = round(24.0 / hours_per_period)
    rows = slice(span.start * periods, span.stop * periods)
    result["profiles"] = {name: table.iloc[rows].reset_index(drop=True) for name, table in net.profiles.items()}
    if "renewables" in result.profiles:
        feed_in = result.profiles["renewables"]
        numbers = feed_in.select_dtypes("number").columns
        feed_in[numbers] = feed_in[numbers].clip(lower=0.0)
    _write_storages(result, soc_percent, storage_reactive_power)
    _write_sgens(result)
    result.ext_grid["price_per_mwh"] = price_per_mwh
    result.ext_grid["sell_price_per_mwh"] = sell_price_per_mwh
    result.ext_grid["co2_kg_per_mwh"] = 400.0
    if price_profile is not None:
        result.ext_grid["profile"] = _TARIFF
        columns = {f"{_TARIFF}_{which}": list(price_profile) for which in ("price", "sell_price")}
        result.profiles["ext_grid"] = pd.DataFrame(columns, dtype=float)
    result["study"] = {"currency": "EUR", "hours_per_period": hours_per_period}
    return result


# --- what is wrong --------------------------------------------------------------------------------


def _faulty_prices(soc_percent: float, price_per_mwh: float, sell_price_per_mwh: float) -> list[str]:
    findings = []
    if not 0 <= soc_percent <= 100:
        findings.append(f"soc_percent is {soc_percent}; give 0 to 100.")
    if not sell_price_per_mwh <= price_per_mwh:
        findings.append(
            f"sell_price_per_mwh is {sell_price_per_mwh} and price_per_mwh {price_per_mwh}: buying and selling at once "
            "would earn money; sell at the price or below."
        )
    return findings


def _faulty_time(
    net: pandapowerNet, days: range, hours_per_period: float, price_profile: Sequence[float] | None
) -> list[str]:
    periods = 24.0 / hours_per_period if hours_per_period > 0 else 0.0
    if periods < 1 or abs(periods - round(periods)) > 1e-9:
        return [f"hours_per_period is {hours_per_period}; give a step that divides the 24 hours of a day."]
    findings = []
    profiles = net.get("profiles")
    if not isinstance(profiles, dict) or "load" not in profiles:
        findings.append("net.profiles has no table 'load'; use a net of simbench.get_simbench_net, which has it.")
    else:
        # of what a scenario does not have, SimBench ships a table without rows
        held = min((len(table) for table in profiles.values() if len(table)), default=0) // round(periods)
        if not (days and days.step == 1 and days.start >= 0 and days.stop <= held):
            said = f"day is {days.start}" if len(days) == 1 else f"days are {days.start} to {days.stop - 1}"
            findings.append(
                f"{said}; net.profiles holds {held} days of {round(periods)} rows, give 0 to {held - 1}, in a row."
            )
    if price_profile is not None:
        wanted = len(days) * round(periods)
        if len(price_profile) != wanted:
            findings.append(f"price_profile has {len(price_profile)} values; give one a period, {wanted}.")
        elif not (np.asarray(price_profile, dtype=float) >= 0).all():
            findings.append("price_profile has a value that is no number or below 0; give factors of 0 or more.")
    return findings


def _faulty_storages(net: pandapowerNet) -> list[str]:
    table = net.storage[net.storage.in_service.astype(bool)]
    if table.empty:
        return []
    missing = [c for c in ("sn_mva", "min_e_mwh", "max_e_mwh", "efficiency_percent") if c not in table.columns]
    if missing:
        return [f"net.storage has no column {', '.join(missing)}, which SimBench gives; add it."]
    findings = []
    for index, row in table.iterrows():
        if not row["sn_mva"] > 0:
            findings.append(f"storage {index}: sn_mva is {row['sn_mva']}; give the rating of its inverter above 0 MVA.")
        if not 0 <= row["min_e_mwh"] <= row["max_e_mwh"]:
            findings.append(
                f"storage {index}: min_e_mwh is {row['min_e_mwh']} and max_e_mwh {row['max_e_mwh']}; "
                "give 0 <= min_e_mwh <= max_e_mwh."
            )
        if not 0 < row["efficiency_percent"] <= 100:
            findings.append(
                f"storage {index}: efficiency_percent is {row['efficiency_percent']}; give a percentage up to 100, "
                "or a fraction up to 1 as SimBench does."
            )
    return findings


def _faulty_limits(net: pandapowerNet) -> list[str]:
    findings = []
    for column in ("min_vm_pu", "max_vm_pu"):
        have = net.bus[column] if column in net.bus.columns else pd.Series(np.nan, index=net.bus.index)
        without = have.index[have.isna() & net.bus.in_service.astype(bool)]
        if len(without):
            shown = ", ".join(map(str, without[:5])) + (", ..." if len(without) > 5 else "")
            findings.append(f"bus {shown}: {column} is missing at {len(without)} buses; write it into net.bus.")
    return findings


# --- what is written ------------------------------------------------------------------------------


def _write_storages(net: pandapowerNet, soc_percent: float, reactive_power: bool) -> None:
    table = net.storage
    if table.empty:
        return
    table["controllable"] = True
    table["p_mw"] = 0.0
    table["min_p_mw"], table["max_p_mw"] = -table["sn_mva"], table["sn_mva"]
    table["soc_percent"] = soc_percent
    table["cost_per_mwh"] = 5.0
    if not reactive_power:
        table["min_q_mvar"] = table["max_q_mvar"] = table["q_mvar"]
    # SimBench's 0.95 is a fraction; no storage has an efficiency of 1 % or less.
    efficiency = table["efficiency_percent"]
    table["efficiency_percent"] = efficiency.where(efficiency > 1, 100.0 * efficiency)
    if "self-discharge_percent_per_day" in table.columns:
        kept_a_day = 1.0 - table["self-discharge_percent_per_day"].fillna(0.0) / 100.0
        table["self_discharge_percent_per_hour"] = 100.0 * (1.0 - kept_a_day ** (1.0 / 24.0))


def _write_sgens(net: pandapowerNet) -> None:
    table = net.sgen
    if table.empty:
        return
    table["controllable"] = True
    table["min_p_mw"] = 0.0
    table["min_q_mvar"] = table["max_q_mvar"] = table["q_mvar"]
