"""Reading a case from a net, by the reader of all verbs; faults are collected and raised by the caller."""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandapower.auxiliary import pandapowerNet

from adnflex.devices import GridConnection, Inputs, Storage, Timeline
from adnflex.devices.base import Place
from adnflex.devices.contradictions import contradictions
from adnflex.devices.cost_tables import refuse_cost
from adnflex.devices.grid_connection import read_grid_connections
from adnflex.devices.inputs import truth
from adnflex.devices.storage import read_storage
from adnflex.devices.storage_period import free_at_end
from adnflex.errors import InputError
from adnflex.grid.checks import shorten
from adnflex.problems.rolling.arrivals import COLUMNS, Arrivals, FleetLaw, FleetLaws, RecordedDays
from adnflex.problems.rolling.renewables import LatentWeather, Renewables, sun_shape
from adnflex.study import device_inputs, read_series, time_axis

__all__ = [
    "Elements",
    "connections_of",
    "costs_of",
    "name_notes",
    "parking_laws",
    "prices_of",
    "read_elements",
    "require_reachable",
    "require_single_vehicles",
    "storages_of",
    "weather_of",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Elements:
    """What takes part, and what it is read from.

    Attributes
    ----------
    inputs : Inputs
        Series, prices, faults and notes; its nodes are those of the case.
    fleets, generators : pandas.DataFrame
        Rows of ``net.load`` and of ``net.sgen``.
    buses : (n,) int array
        Bus of each node, ascending.
    """

    inputs: Inputs
    fleets: pd.DataFrame
    generators: pd.DataFrame
    buses: NDArray[np.int64]

    def nodes(self, table: str) -> NDArray[np.int64]:
        """Node of each fleet (``load``) or generator (``sgen``)."""
        rows = self.fleets if table == "load" else self.generators
        return np.array([self.inputs.node_of[int(bus)] for bus in rows["bus"]], dtype=np.int64)


def read_elements(net: pandapowerNet, hours: int, tariff: str | None, findings: list[str]) -> Elements:
    """Find fleets, sun, wind and storages, and read the series and prices of the net.

    Parameters
    ----------
    net : pandapowerNet
        The net; only read.
    hours : int
        Number H of hours.
    tariff : str or None
        Profile of the sources' price, instead of their own.
    findings : list of str
        Gets a sentence for every fault.
    """
    chosen = _with_tariff(net, tariff, findings)
    try:
        series = read_series(chosen, periods=range(hours), still=hours)
        time_axis(series.periods, series.stamps, 1.0, None)  # refuses rows that are no hours
    except InputError as error:
        findings += error.findings
        series = read_series(net, profiles={("load", "p_mw"): pd.DataFrame(index=range(hours))})
    values = {key: array[None] for key, array in series.values.items()}
    inputs = device_inputs(chosen, Timeline(hours, 1.0, 0.0, np.ones(1)), values, tuple(range(hours)))
    inputs.notes += series.notes
    fleets = _chosen(net.load, (net.load.get("type") == "ev") & _controllable(net.load))
    generators = _chosen(net.sgen, net.sgen["type"].isin(["PV", "WP"]))
    stores = _chosen(net.storage, _controllable(net.storage))
    if not len(fleets) and not len(stores):
        raise InputError(
            "the net has no controllable load of type 'ev' and no controllable storage, so that there is nothing to "
            "schedule; set net.load.type to 'ev' and controllable to True for fleets, or net.storage.controllable."
        )
    buses = np.unique(np.concatenate([t["bus"].to_numpy(np.int64) for t in (fleets, generators, stores)]))
    inputs.node_of = {int(bus): k for k, bus in enumerate(buses)}
    inputs.notes += _not_read(net, fleets, generators)
    return Elements(inputs, fleets, generators, buses)


def _with_tariff(net: pandapowerNet, tariff: str | None, findings: list[str]) -> pandapowerNet:
    """Return a view of the net whose sources have the price of a tariff."""
    if tariff is None:
        return net
    shipped = net.get("profiles")
    frame = shipped.get("ext_grid") if isinstance(shipped, dict) else None
    columns = [] if frame is None else [str(c) for c in frame.columns]
    known = [c.removesuffix("_price") for c in columns if c.endswith("_price") and not c.endswith("_sell_price")]
    if tariff not in known:
        hint = _choice(tariff, known, "net.profiles['ext_grid']", "buy_price_per_mwh")
        findings.append(f"tariff {tariff!r} is not known; {hint} [money/MWh].")
        return net
    view = copy.copy(net)
    view["ext_grid"] = net.ext_grid.assign(profile=tariff)
    return view


def _controllable(rows: pd.DataFrame) -> pd.Series[bool]:
    if "controllable" not in rows.columns:
        return pd.Series(False, rows.index)
    return truth(rows["controllable"])


def _chosen(rows: pd.DataFrame, mask: Any) -> pd.DataFrame:
    return rows[rows["in_service"].astype(bool) & mask]


def _not_read(net: pandapowerNet, fleets: pd.DataFrame, generators: pd.DataFrame) -> list[str]:
    """Name columns of controllable elements that other verbs honour and this one does not."""
    loads = _chosen(net.load, _controllable(net.load) & (net.load.get("type") != "ev"))
    silent = _chosen(net.load, (net.load.get("type") == "ev") & ~_controllable(net.load))
    shunts = _chosen(net.shunt, _controllable(net.shunt))
    sgens = _chosen(net.sgen, _controllable(net.sgen))
    notes = []
    for table, rows, columns, why in (
        ("load", loads, (), "is no fleet; it draws what its profile says"),
        ("load", silent, (), "is of type 'ev' and not controllable; it draws what its profile says"),
        ("sgen", sgens[sgens.index.isin(generators.index)], ("min_p_mw", "max_p_mw"), "what it has is fed in"),
        ("sgen", sgens, ("min_cos_phi", "cost_per_mvarh"), "reactive power is decided within min_q_mvar, max_q_mvar"),
        ("shunt", shunts, ("cost_per_mvarh",), "reactive power is decided by losses and voltages"),
        ("trafo", _chosen(net.trafo, _controllable(net.trafo)), ("cost_per_move",), "moves have a weight of their own"),
        ("shunt", shunts, ("cost_per_move",), "moves have a weight of their own"),
    ):
        filled = [c for c in columns if c in rows.columns and rows[c].notna().any()]
        if len(rows) and (filled or not columns):
            what = f"{', '.join(filled)} {'is' if len(filled) == 1 else 'are'} not read: " if filled else ""
            notes.append(f"{table} {shorten(rows.index.tolist())}: {what}{why}.")
    return notes


def storages_of(inputs: Inputs, findings: list[str]) -> list[Storage]:
    """Read storages as every verb does, in the order of their nodes; faults of `inputs` are handed over."""
    specs = sorted(read_storage(inputs), key=lambda s: s.place.node)
    findings += [
        f"{s.place}: its cost in {inputs.curves['storage', s.place.index]} bends or has a constant, and a rolling "
        "schedule takes straight prices; give cp1_eur_per_mw alone, or cost_per_mwh."
        for s in specs
        if s.curve.rises or s.curve.quadratic or s.curve.constant
    ]
    inputs.notes += [
        f"{s.place}: min_q_mvar and max_q_mvar are no decision of a rolling schedule; its reactive power stays at "
        "q_mvar."
        for s in specs
        if s.inverter.free
    ]
    return specs


def require_reachable(specs: Iterable[Storage], hours: int, findings: list[str]) -> None:
    """Collect storages that cannot keep their limits, or not end with what they are asked for."""
    asked = [s if s.end_given else free_at_end(s) for s in specs]
    horizon = Timeline(hours, 1.0, 0.0, np.ones(1))
    findings += [f"{c.place}: {c.sentence}." for c in contradictions(asked, horizon)]


def require_single_vehicles(elements: Elements) -> None:
    """Collect fleets that are described or priced in ways that belong to blocks of a load."""
    inputs = elements.inputs
    for index, row in elements.fleets.iterrows():
        bus = int(row["bus"])
        place = Place("vehicles", "load", int(str(index)), str(row.get("name") or ""), bus, inputs.node_of[bus])
        refuse_cost(inputs, place, "price what vehicles pay by ev_price_per_mwh")
        shares = [c for c in ("transferable_share", "reducible_share") if float(row.get(c) or 0.0) > 0]
        inputs.require(
            not shares,
            place,
            f"{', '.join(shares)}: a rolling schedule charges vehicles one by one; leave it empty (NaN), and say which "
            "vehicles come by net.ev, arrivals= or net.study['parking'].",
        )


def costs_of(elements: Elements, findings: list[str]) -> Floats:
    """Cost of available sun and wind (G,) [money/MWh]."""
    inputs, rows = elements.inputs, elements.generators
    own = rows["cost_per_mwh"].fillna(0.0) if "cost_per_mwh" in rows.columns else pd.Series(0.0, rows.index)
    found: Floats = own.to_numpy(float).copy()
    for place, index in enumerate(rows.index):
        cost = inputs.curves.get(("sgen", int(index)))
        if cost is None:
            continue
        inputs.priced.add(("sgen", int(index)))
        if own[index]:
            findings.append(f"sgen {index}: has a price in {cost} and in its own cost_per_mwh; keep one.")
        if cost.curve.rises or cost.curve.quadratic or cost.curve.constant:
            findings.append(f"{cost} of sgen {index}: a rolling schedule takes straight prices; give cp1_eur_per_mw.")
        found[place] = cost.curve.slope
    return found


def connections_of(inputs: Inputs) -> list[GridConnection]:
    """Read the sources, each as a node of its own; faults go to `inputs`."""
    net, buses = inputs.net, dict[int, int]()
    for table in ("ext_grid", "gen"):
        for bus in net[table]["bus"]:
            buses.setdefault(int(bus), len(buses))
    return read_grid_connections(replace(inputs, node_of=buses))


def prices_of(
    elements: Elements, facts: dict[str, Any], given: dict[str, Any], findings: list[str]
) -> tuple[Floats, Floats, float, float]:
    """Prices of purchase and of charging (H,), subsidy, value of stored energy [money/MWh].

    Parameters
    ----------
    elements : Elements
        With the price of the sources.
    facts : dict
        ``net.study``.
    given : dict
        What the caller says: ``buy_price_per_mwh``, ``ev_price_per_mwh``, ``ev_subsidy_per_vehicle``,
        ``stored_value_per_mwh``.
    findings : list of str
        Gets a sentence for every fault.
    """
    hours = elements.inputs.horizon.periods

    def setting(name: str) -> Any:
        return facts.get(name, 0.0) if given[name] is None else given[name]

    def hourly(name: str, value: Any) -> Floats:
        array = np.asarray(value, dtype=float)
        if array.ndim > 1 or (array.ndim == 1 and len(array) != hours) or not np.isfinite(array).all():
            findings.append(f"{name} has shape {array.shape}; give a number, or one for each of the {hours} hours.")
            return np.zeros(hours)
        return np.broadcast_to(array, (hours,))

    worth, paid = float(setting("stored_value_per_mwh")), float(setting("ev_subsidy_per_vehicle"))
    for name, value in (("stored_value_per_mwh", worth), ("ev_subsidy_per_vehicle", paid)):
        if not math.isfinite(value):
            findings.append(f"{name} is {value}; give a finite number.")
    own = given["buy_price_per_mwh"]
    bought = hourly("buy_price_per_mwh", _bought(elements.inputs, findings) if own is None else own)
    if (bought < 0).any():
        hour = int(np.argmax(bought < 0))
        findings.append(
            f"buy_price_per_mwh is {bought[hour]:g} in hour {hour}; a schedule that can spill would buy without limit "
            "at a negative price, give 0 or more."
        )
    return bought, hourly("ev_price_per_mwh", setting("ev_price_per_mwh")), paid, worth


def _bought(inputs: Inputs, findings: list[str]) -> Floats:
    """Price of the sources (H,), as a dispatch reads it [money/MWh]."""
    sources = connections_of(inputs)
    prices = [d.price[0] for d in sources]
    names = ", ".join(str(d.place) for d in sources)
    inputs.notes += [
        f"{d.place}: sell_price_per_mwh is not read; what is left over is spilled."
        for d in sources
        if ("ext_grid", "sell_price_per_mwh") in inputs.values
        and d.place.table == "ext_grid"
        and np.nan_to_num(inputs.series("ext_grid", "sell_price_per_mwh", d.place.index)).any()
    ]
    inputs.notes += [
        f"{d.place}: co2_kg_per_mwh is not read; no emissions are counted." for d in sources if d.carbon.any()
    ]
    if not any(d.priced for d in sources):
        findings.append(
            f"no price of purchase: {names} has none; give ext_grid.price_per_mwh, with a column of "
            "net.profiles['ext_grid'] where it varies, a row of poly_cost, or buy_price_per_mwh=."
        )
    elif any(not np.array_equal(p, prices[0]) for p in prices[1:]):
        findings.append(f"{names} have different prices, and nodes buy at one; give buy_price_per_mwh=.")
    if any(d.extra.varies or d.extra.constant for d in sources):
        findings.append(
            f"the price of {names} changes with the power or has a constant (poly_cost, pwl_cost), and nodes buy at "
            "one price; give a straight one, or buy_price_per_mwh=."
        )
    return prices[0] if prices else np.zeros(inputs.horizon.periods)


def weather_of(
    facts: dict[str, Any],
    weather: str | None,
    sun: NDArray[np.bool_],
    rated_mw: Floats,
    hours: int,
    index: NDArray[np.int64],
    findings: list[str],
) -> Renewables | None:
    """Law of sun and wind in ``net.study``."""
    law, weathers = facts.get("renewables"), facts.get("weathers", {})
    if law is None:
        if len(index):
            findings.append(
                f"sgen {index.tolist()}: nothing says what they will generate; give renewables= (adnflex.rolling."
                "Forecast, or an object with sample(state, hour, n, rng)), or net.study['renewables']."
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
        findings.append(
            f"weather {name!r} is not known; " + _choice(str(name), weathers, "net.study", "renewables") + "."
        )
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
                f"{sorted(known) or '(none in net.study)'}."
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


def _choice(name: str, known: Iterable[str], place: str, other: str) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    listed = f"give one of {', '.join(map(repr, known))}" if known else f"{place} has none"
    return f"{meant}{listed}, or {other}="
