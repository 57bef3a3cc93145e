"""What a rolling schedule reads: the study of all verbs, and beside it what only a rolling schedule knows."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandapower.auxiliary import pandapowerNet

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices import ByInverter, Device, GridConnection, Inputs, Storage, Timeline, able
from adnflex.devices.base import Place
from adnflex.devices.contradictions import contradictions
from adnflex.devices.cost_tables import refuse_cost
from adnflex.devices.inputs import truth
from adnflex.devices.storage_period import free_at_end
from adnflex.errors import InputError
from adnflex.grid.checks import shorten
from adnflex.knobs import Horizon
from adnflex.study import OwnReading, Study, read_study


@dataclass(frozen=True, eq=False)
class Members:
    """Rows of the net's tables that take part, and the buses where they stand.

    Attributes
    ----------
    fleets, generators : pandas.DataFrame
        Rows of ``net.load`` and ``net.sgen``.
    buses : (n,) int array
        Bus of each node of the schedule, ascending.
    """

    fleets: pd.DataFrame
    generators: pd.DataFrame
    buses: IntArray

    def nodes(self, rows: pd.DataFrame) -> IntArray:
        """Node of the schedule of some of the rows."""
        return np.asarray(np.searchsorted(self.buses, rows["bus"].to_numpy(np.int64)), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class RollingStudy:
    """What a net says to a rolling schedule.

    Attributes
    ----------
    net : pandapowerNet
        The net; only read.
    study : Study
        Series, grid and devices, as every verb reads them; vehicles are none of its devices.
    members : Members
        Who takes part.
    bought : (H,) array
        Price of the sources [money/MWh].
    cost : (G,) array
        Of available sun and wind [money/MWh].
    notes : tuple of str
        What the reader of a schedule has to know.
    """

    net: pandapowerNet
    study: Study
    members: Members
    bought: FloatArray
    cost: FloatArray
    notes: tuple[str, ...]

    @property
    def storages(self) -> list[Storage]:
        """The storages, in the order of their nodes."""
        found = [d for d in self.study.devices if isinstance(d, Storage)]
        return sorted(found, key=lambda d: (d.place.bus, d.place.index))

    @property
    def sources(self) -> list[GridConnection]:
        """The sources of the network."""
        return _sources(self.study.devices)

    @property
    def sites(self) -> list[ByInverter]:
        """Generators whose reactive power is a decision."""
        found = [d for d in able(self.study.devices, ByInverter) if d.place.table == "sgen"]
        return [d for d in found if d.inverter.free and d.inverter.q_max > d.inverter.q_min]


def members_of(net: pandapowerNet) -> Members:
    """Find fleets, sun, wind and storages.

    Raises
    ------
    InputError
        If there is nothing to schedule.
    """
    fleets = _chosen(net.load, (net.load.get("type") == "ev") & _controllable(net.load))
    generators = _chosen(net.sgen, net.sgen["type"].isin(["PV", "WP"]))
    stores = _chosen(net.storage, _controllable(net.storage))
    if not len(fleets) and not len(stores):
        raise InputError(
            "the net has no controllable load of type 'ev' and no controllable storage, so that there is nothing to "
            "schedule; set net.load.type to 'ev' and controllable to True for fleets, or net.storage.controllable."
        )
    buses = np.unique(np.concatenate([t["bus"].to_numpy(np.int64) for t in (fleets, generators, stores)]))
    return Members(fleets, generators, buses)


def read_rolling(
    net: pandapowerNet, hours: int, tariff: str | None = None, findings: Iterable[str] = (), priced: bool = True
) -> RollingStudy:
    """Read a net.

    Parameters
    ----------
    net : pandapowerNet
        The net; only read.
    hours : int
        Number H of hours.
    tariff : str, optional
        Profile of the sources' price, instead of their own.
    findings : iterable of str
        What the caller has found wrong so far; raised with the rest.
    priced : bool
        Whether the sources have to have a price.

    Raises
    ------
    InputError
        With all faults.
    """
    members, faults, prices = members_of(net), list(findings), dict[str, FloatArray]()
    view = _with_tariff(net, tariff, faults)
    # vehicles are scheduled one by one, and not as a device over the horizon
    view["load"] = net.load.assign(controllable=_controllable(net.load) & ~net.load.index.isin(members.fleets.index))

    def more(inputs: Inputs, devices: list[Device]) -> None:
        inputs.faults += faults
        inputs.notes += _not_read(net, members)
        _check_fleets(inputs, members)
        _check_devices(inputs, devices)
        prices["cost"] = _costs(inputs, members.generators)
        prices["bought"] = _bought(inputs, _sources(devices)) if priced else np.zeros(hours)

    try:
        study = read_study(
            view,
            Horizon(periods=range(hours), hours_per_period=1.0),
            converters=False,
            own=OwnReading(hours, False, False, more),
        )
    except InputError as error:
        if prices or not faults:
            raise
        raise InputError([*faults, *error.findings]) from error
    if (study.grid.z_share_p != 0).any() or (study.grid.z_share_q != 0).any():
        raise InputError(
            "the net has loads that depend on the voltage, and a rolling schedule needs constant power; set "
            "const_z_p_percent and const_z_q_percent of net.load to 0."
        )
    return RollingStudy(net, study, members, prices["bought"], prices["cost"], study.notes)


def _with_tariff(net: pandapowerNet, tariff: str | None, findings: list[str]) -> pandapowerNet:
    """Return a view of the net whose sources have the price of a tariff."""
    view = copy.copy(net)
    if tariff is None:
        return view
    shipped = net.get("profiles")
    frame = shipped.get("ext_grid") if isinstance(shipped, dict) else None
    columns = [] if frame is None else [str(c) for c in frame.columns]
    known = [c.removesuffix("_price") for c in columns if c.endswith("_price") and not c.endswith("_sell_price")]
    if tariff not in known:
        hint = choice(tariff, known, "net.profiles['ext_grid']", "buy_price_per_mwh")
        findings.append(f"tariff {tariff!r} is not known; {hint} [money/MWh].")
        return view
    view["ext_grid"] = net.ext_grid.assign(profile=tariff)
    return view


def _controllable(rows: pd.DataFrame) -> pd.Series[bool]:
    if "controllable" not in rows.columns:
        return pd.Series(False, rows.index)
    return truth(rows["controllable"])


def _chosen(rows: pd.DataFrame, mask: Any) -> pd.DataFrame:
    return rows[rows["in_service"].astype(bool) & mask]


def _not_read(net: pandapowerNet, members: Members) -> list[str]:
    """Name columns of controllable elements that other verbs honour and this one does not."""
    loads = _chosen(net.load, _controllable(net.load) & (net.load.get("type") != "ev"))
    silent = _chosen(net.load, (net.load.get("type") == "ev") & ~_controllable(net.load))
    shunts = _chosen(net.shunt, _controllable(net.shunt))
    sgens = _chosen(net.sgen, _controllable(net.sgen))
    notes = []
    for table, rows, columns, why in (
        ("load", loads, (), "is no fleet; it draws what its profile says"),
        ("load", silent, (), "is of type 'ev' and not controllable; it draws what its profile says"),
        ("sgen", sgens[sgens.index.isin(members.generators.index)], ("min_p_mw", "max_p_mw"), "what it has is fed in"),
        ("sgen", sgens, ("cost_per_mvarh",), "reactive power is decided by losses and voltages"),
        ("shunt", shunts, ("cost_per_mvarh",), "reactive power is decided by losses and voltages"),
        ("trafo", _chosen(net.trafo, _controllable(net.trafo)), ("cost_per_move",), "moves have a weight of their own"),
        ("shunt", shunts, ("cost_per_move",), "moves have a weight of their own"),
    ):
        filled = [c for c in columns if c in rows.columns and rows[c].notna().any()]
        if len(rows) and (filled or not columns):
            what = f"{', '.join(filled)} {'is' if len(filled) == 1 else 'are'} not read: " if filled else ""
            notes.append(f"{table} {shorten(rows.index.tolist())}: {what}{why}.")
    return notes


def _check_fleets(inputs: Inputs, members: Members) -> None:
    """Collect fleets that are described or priced in ways that belong to blocks of a load."""
    for index, row in members.fleets.iterrows():
        bus = int(row["bus"])
        place = Place("vehicles", "load", int(str(index)), str(row.get("name") or ""), bus, inputs.node_of.get(bus, -1))
        refuse_cost(inputs, place, "price what vehicles pay by ev_price_per_mwh")
        shares = [c for c in ("transferable_share", "reducible_share") if float(row.get(c) or 0.0) > 0]
        inputs.require(
            not shares,
            place,
            f"{', '.join(shares)}: a rolling schedule charges vehicles one by one; leave it empty (NaN), and say which "
            "vehicles come by net.ev, arrivals= or net.study['parking'].",
        )
    dead = [bus for bus in members.buses.tolist() if bus not in inputs.node_of]
    if dead:
        inputs.faults.append(
            f"bus {shorten(dead)}: is not supplied, and something to schedule stands there; connect it, or set "
            "controllable (of an sgen: in_service) to False."
        )


def _check_devices(inputs: Inputs, devices: list[Device]) -> None:
    """Collect what a device can do and a rolling schedule does not decide."""
    for d in able(devices, ByInverter):
        if d.place.table == "sgen" and d.inverter.capability is not None:
            inputs.faults.append(
                f"{d.place}: reactive_capability_curve is True, and a rolling schedule knows min_q_mvar and max_q_mvar "
                "only; set it to False and give limits that hold at any active power."
            )
    for s in devices:
        if not isinstance(s, Storage):
            continue
        if s.curve.rises or s.curve.quadratic or s.curve.constant:
            inputs.faults.append(
                f"{s.place}: its cost in {inputs.curves['storage', s.place.index]} bends or has a constant, and a "
                "rolling schedule takes straight prices; give cp1_eur_per_mw alone, or cost_per_mwh."
            )
        if s.inverter.free:
            inputs.notes.append(
                f"{s.place}: min_q_mvar and max_q_mvar are no decision of a rolling schedule; its reactive power stays "
                "at q_mvar."
            )


def unreachable(specs: Iterable[Storage], hours: int) -> list[str]:
    """Name storages that cannot keep their limits, or not end with what they are asked for."""
    asked = [s if s.end_given else free_at_end(s) for s in specs]
    horizon = Timeline(hours, 1.0, 0.0, np.ones(1))
    return [f"{c.place}: {c.sentence}." for c in contradictions(asked, horizon)]


def _costs(inputs: Inputs, rows: pd.DataFrame) -> FloatArray:
    """Cost of available sun and wind (G,) [money/MWh]."""
    own = rows["cost_per_mwh"].fillna(0.0) if "cost_per_mwh" in rows.columns else pd.Series(0.0, rows.index)
    found: FloatArray = own.to_numpy(float).copy()
    for place, index in enumerate(rows.index):
        cost = inputs.curves.get(("sgen", int(index)))
        if cost is None:
            continue
        inputs.priced.add(("sgen", int(index)))
        if own[index]:
            inputs.faults.append(f"sgen {index}: has a price in {cost} and in its own cost_per_mwh; keep one.")
        if cost.curve.rises or cost.curve.quadratic or cost.curve.constant:
            inputs.faults.append(
                f"{cost} of sgen {index}: a rolling schedule takes straight prices; give cp1_eur_per_mw."
            )
        found[place] = cost.curve.slope
    return found


def _sources(devices: Iterable[Device]) -> list[GridConnection]:
    return [d for d in devices if isinstance(d, GridConnection)]


def _bought(inputs: Inputs, sources: list[GridConnection]) -> FloatArray:
    """Price of the sources (H,), as a dispatch reads it [money/MWh]."""
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
        inputs.faults.append(
            f"no price of purchase: {names} has none; give ext_grid.price_per_mwh, with a column of "
            "net.profiles['ext_grid'] where it varies, a row of poly_cost, or buy_price_per_mwh=."
        )
    elif any(not np.array_equal(p, prices[0]) for p in prices[1:]):
        inputs.faults.append(f"{names} have different prices, and nodes buy at one; give buy_price_per_mwh=.")
    if any(d.extra.varies or d.extra.constant for d in sources):
        inputs.faults.append(
            f"the price of {names} changes with the power or has a constant (poly_cost, pwl_cost), and nodes buy at "
            "one price; give a straight one, or buy_price_per_mwh=."
        )
    return prices[0] if prices else np.zeros(inputs.horizon.periods)


def choice(name: str, known: Iterable[str], place: str, other: str) -> str:
    """Say what may be given instead of an unknown name."""
    close = difflib.get_close_matches(name, list(known), n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    listed = f"give one of {', '.join(map(repr, known))}" if known else f"{place} has none"
    return f"{meant}{listed}, or {other}="
