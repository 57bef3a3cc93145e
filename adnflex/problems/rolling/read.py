"""Reading a case's parts from a net; each function collects its faults and its caller raises them all at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandapower.auxiliary import pandapowerNet

from adnflex.devices import Horizon, Inputs, Storage
from adnflex.devices.contradictions import contradictions
from adnflex.devices.storage import read_storage
from adnflex.devices.storage_period import free_at_end
from adnflex.problems.rolling.arrivals import COLUMNS, Arrivals, FleetLaw, FleetLaws, RecordedDays
from adnflex.problems.rolling.renewables import LatentWeather, Renewables, sun_shape
from adnflex.study.series import present_values

__all__ = [
    "cost_notes",
    "generators_of",
    "name_notes",
    "parking_laws",
    "prices_of",
    "require_reachable",
    "setting",
    "storages_of",
    "weather_of",
]

Floats = NDArray[np.float64]


def setting(facts: dict[str, Any], name: str, given: Any, default: Any) -> Any:
    """Return what was given, else the net's, else the default.

    Examples
    --------
    >>> setting({"hours": 24}, "hours", None, 12), setting({}, "hours", None, 12), setting({"hours": 24}, "hours", 6, 1)
    (24, 12, 6)
    """
    return facts.get(name, default) if given is None else given


def storages_of(
    net: pandapowerNet, node_of: Mapping[int, int], hours: int, findings: list[str]
) -> tuple[list[Storage], list[str]]:
    """Read storages as every verb does, in the order of their nodes; also what the reader of a schedule has to know.

    Parameters
    ----------
    net : pandapowerNet
        The net; only read.
    node_of : mapping of int to int
        Nodes that count.
    hours : int
        Number of hours.
    findings : list of str
        Gets a sentence for every fault.
    """
    horizon = Horizon(hours, 1.0, 0.0, np.ones(1))
    inputs = Inputs(net, horizon, present_values(net, hours), dict(node_of), set(), prices=False)
    specs = sorted(read_storage(inputs), key=lambda s: node_of[s.place.bus])
    findings += inputs.faults
    findings += [
        f"{b.place}: bus {b.place.bus} has another controllable storage; merge them into one row (powers and energies "
        "added up), or set controllable to False for one."
        for a, b in pairwise(specs)
        if a.place.bus == b.place.bus
    ]
    notes = [
        f"{s.place}: min_q_mvar and max_q_mvar are no decision of a rolling schedule; its reactive power stays at "
        "q_mvar."
        for s in specs
        if s.inverter.free
    ]
    return specs, [*inputs.notes, *notes]


def require_reachable(specs: Sequence[Storage], hours: int, findings: list[str]) -> None:
    """Collect storages that cannot keep their limits, or not end with what they are asked for."""
    asked = [s if s.end_given else free_at_end(s) for s in specs]
    horizon = Horizon(hours, 1.0, 0.0, np.ones(1))
    findings += [f"{c.place}: {c.sentence}." for c in contradictions(asked, horizon)]


def generators_of(
    rows: pd.DataFrame, node_of: dict[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], Floats, Floats]:
    """Read sun and wind: index, node, whether sun, rating [MW] (``p_mw`` times ``scaling``), cost [money/kWh]."""
    cost = rows["cost_per_mwh"].fillna(0.0) if "cost_per_mwh" in rows.columns else pd.Series(0.0, rows.index)
    return (
        rows.index.to_numpy(np.int64),
        np.array([node_of[int(bus)] for bus in rows["bus"]], dtype=np.int64),
        (rows["type"] == "PV").to_numpy(bool),
        (rows["p_mw"] * rows["scaling"]).to_numpy(float),
        cost.to_numpy(float) / 1e3,
    )


def cost_notes(net: pandapowerNet, taking_part: dict[str, pd.DataFrame], findings: list[str]) -> tuple[str, ...]:
    """Refuse pandapower's cost tables for what is scheduled, and note those of sources: prices come from elsewhere.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    taking_part : dict of str to pandas.DataFrame
        Rows of every table that are scheduled.
    findings : list of str
        Gets a sentence for every row that would count.
    """
    notes = []
    for name in ("poly_cost", "pwl_cost"):
        table = net.get(name)
        if not isinstance(table, pd.DataFrame):
            continue
        for i, et, element in zip(table.index, table["et"], table["element"], strict=True):
            if et in taking_part and element in taking_part[et].index:
                findings.append(
                    f"{name} {i} of {et} {element}: a rolling schedule does not read cost tables; drop the row and use "
                    "its own prices (cost_per_mwh of sgen, buy_price_per_mwh, ev_price_per_mwh, stored_value_per_mwh)."
                )
            elif et in ("ext_grid", "gen"):
                notes.append(f"{name} {i} of {et} {element} is not read: energy is bought at buy_price_per_mwh.")
    return tuple(notes)


def prices_of(
    facts: dict[str, Any],
    hours: int,
    tariff: str | None,
    buy: ArrayLike | None,
    ev: ArrayLike | None,
    subsidy: float | None,
    stored: float | None,
    findings: list[str],
) -> tuple[Floats, Floats, float, float]:
    """Prices of purchase and of charging (H,), subsidy, value of stored energy [money/kWh]."""
    if buy is None:
        tariffs = facts.get("tariffs_per_mwh", {})
        name = tariff or facts.get("tariff")
        if name in tariffs:
            buy = tariffs[name]
        else:
            findings.append(
                f"tariff {name!r} is not known; " + _choice(str(name), tariffs, "buy_price_per_mwh") + " [money/MWh]."
            )
            buy = 0.0
    elif tariff is not None:
        findings.append("tariff and buy_price_per_mwh are both given; give one of them.")

    def hourly(name: str, value: Any) -> Floats:
        array = np.asarray(value, dtype=float)
        if array.ndim > 1 or (array.ndim == 1 and len(array) != hours) or not np.isfinite(array).all():
            findings.append(f"{name} has shape {array.shape}; give a number, or one for each of the {hours} hours.")
            return np.zeros(hours)
        return np.broadcast_to(array, (hours,)) / 1e3

    worth = float(setting(facts, "stored_value_per_mwh", stored, 0.0))
    paid = float(setting(facts, "ev_subsidy_per_vehicle", subsidy, 0.0))
    for name, value in (("stored_value_per_mwh", worth), ("ev_subsidy_per_vehicle", paid)):
        if not math.isfinite(value):
            findings.append(f"{name} is {value}; give a finite number.")
    bought = hourly("buy_price_per_mwh", buy)
    if (bought < 0).any():
        hour = int(np.argmax(bought < 0))
        findings.append(
            f"buy_price_per_mwh is {bought[hour] * 1e3:g} in hour {hour}; a schedule that can spill would buy without "
            "limit at a negative price, give 0 or more."
        )
    return bought, hourly("ev_price_per_mwh", setting(facts, "ev_price_per_mwh", ev, 0.0)), paid, worth / 1e3


def weather_of(
    facts: dict[str, Any],
    weather: str | None,
    sun: NDArray[np.bool_],
    rated_mw: Floats,
    hours: int,
    index: NDArray[np.int64],
    findings: list[str],
) -> Renewables | None:
    """Law of sun and wind in ``net.rolling``."""
    law, weathers = facts.get("renewables"), facts.get("weathers", {})
    if law is None:
        if len(index):
            findings.append(
                f"sgen {index.tolist()}: nothing says what they will generate; give renewables= (adnflex.rolling."
                "Forecast, or an object with sample(state, hour, n, rng)), or net.rolling['renewables']."
            )
            return None
        return LatentWeather(rated_mw, sun, np.zeros(hours))
    findings += [
        f"sgen {k}: its rating, p_mw times scaling, is {p:g} MW; give one above 0, or set in_service to False."
        for k, p in zip(index, rated_mw, strict=True)
        if not p > 0
    ]
    name = weather or facts.get("weather")
    if name not in weathers:
        findings.append(f"weather {name!r} is not known; " + _choice(str(name), weathers, "renewables") + ".")
        return None
    shape = sun_shape(hours, law["sun_hours"][0], law["sun_hours"][1], law["sun_exponent"], law["sun_equivalent_hours"])
    return LatentWeather(
        rated_mw,
        sun,
        shape,
        **weathers[name],
        common=law["sun_common_share"],
        most=law["sun_most"],
        wind_mean=law["wind_mean"],
        wind_sd=law["wind_sd"],
        wind_rho=law["wind_rho"],
    )


def parking_laws(
    net: pandapowerNet,
    facts: dict[str, Any],
    arrivals: Arrivals | pd.DataFrame | None,
    loads: pd.DataFrame,
    hours: int,
    findings: list[str],
) -> Arrivals:
    """Return where days of vehicles come from: what was given, ``net.ev``, or laws of the fleets."""
    if isinstance(arrivals, pd.DataFrame):
        return RecordedDays(arrivals)
    if arrivals is not None:
        return arrivals
    if isinstance(net.get("ev"), pd.DataFrame):
        return RecordedDays(net["ev"])
    known, vehicle = facts.get("parking", {}), facts.get("vehicle", {})
    if not len(loads):
        return RecordedDays(pd.DataFrame(columns=list(COLUMNS)))
    laws = []
    for k, row in loads.iterrows():
        kind, per_day = row.get("parking"), row.get("vehicles_per_day")
        if kind not in known or per_day is None or not float(per_day) >= 0:
            findings.append(
                f"load {k}: nothing says which vehicles come (parking {kind!r}, vehicles_per_day {per_day}); give "
                "arrivals=, the table net.ev, or both columns with parking one of "
                f"{sorted(known) or '(none in net.rolling)'}."
            )
            continue
        facts_of: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in {**known[kind], **vehicle}.items()
        }
        laws.append(FleetLaw(int(str(k)), float(per_day), **facts_of))
    return FleetLaws(tuple(laws), hours)


def name_notes(days: Arrivals) -> list[str]:
    """Say which number stands for which vehicle, where they came with names."""
    names = days.names if isinstance(days, RecordedDays) else ()
    listed = ", ".join(f"{k} {name[:40]}" for k, name in enumerate(names[:8]))
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return [f"vehicles are numbered in the order of their names: {listed}{more}."] if names else []


def _choice(name: str, known: dict[str, Any], other: str) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    listed = f"give one of {', '.join(map(repr, known))}" if known else "net.rolling has none"
    return f"{meant}{listed}, or {other}="
