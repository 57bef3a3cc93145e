"""The reliability of a net: rates, what protection trips, who waits for the repair, and the indices of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import BoolArray, FloatArray
from adnflex.errors import InputError
from adnflex.grid.loads import gross_load
from adnflex.problems.reliability.indices import OutageSet, system_indices
from adnflex.problems.reliability.protection import Touching, tripped
from adnflex.problems.reliability.rates import SOURCES, rates
from adnflex.results.reliability import ReliabilityIndices

_NAMED = 5


def reliability(
    net: pandapowerNet,
    elements: Sequence[tuple[str, int]],
    waiting: Mapping[tuple[str, int], Sequence[int]],
    operated: Mapping[tuple[str, int], Sequence[int]],
) -> ReliabilityIndices:
    """Return the indices of a net from its outages and what is restored after each.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    elements : sequence of (str, int)
        What fails: ``line``, ``trafo``, ``switch`` (between buses), ``ext_grid`` or ``gen``.
    waiting : mapping of (str, int) to sequence of int
        Buses that have no supply until the repair, whatever is operated before.
    operated : mapping of (str, int) to sequence of int
        Switches of these operations.

    Raises
    ------
    InputError
        If no load with supply has a customer.
    """
    touching = Touching(net)
    points, dark = _load_points(net, touching)
    place = touching.buses.get_indexer(points["bus"])
    before = touching.supplied()[touching.bus]
    tripping = before & ~touching.after(elements, tripped)
    waits = np.array([before & touching.buses.isin(waiting.get(key, ())) for key in elements], dtype=bool)
    waits = waits.reshape(tripping.shape)
    table = rates(net, elements)
    _by_minutes(net, table, {key: [*touching.border(key), *operated.get(key, ())] for key in elements})
    outages = OutageSet(
        rate=table["failures_per_year"].to_numpy(dtype=float),
        repair_h=table["repair_hours"].to_numpy(dtype=float),
        switching_h=table["switching_hours"].to_numpy(dtype=float),
        interrupted=(tripping | waits)[:, place],
        waits=waits[:, place],
    )
    return _result(points, table, outages, [*_notes(net, touching, table), *dark])


def _load_points(net: pandapowerNet, touching: Touching) -> tuple[pd.DataFrame, list[str]]:
    """List the loads in service with supply: bus, name, customers, average power; a note on those without."""
    load = gross_load(net)
    lit = set(touching.buses[touching.supplied()[touching.bus]])
    dark = load.index[~load["bus"].isin(lit)]
    load = load.drop(dark)
    points = pd.DataFrame(
        {
            "bus": load["bus"].astype(int),
            "name": ["" if pd.isna(n) else str(n) for n in load.get("name", pd.Series("", load.index))],
            "customers": _column(load, "customers", pd.Series(1.0, load.index)),
            "average_mw": _column(load, "average_mw", load["gross_mw"]),
        }
    ).rename_axis("load")
    if not points["customers"].sum() > 0:
        raise InputError(
            "load: no load with supply has a customer; give net.load.customers, or leave the column out for one each."
        )
    some = ", ".join(map(str, dark[:_NAMED]))
    return points, [f"{len(dark)} loads have no supply at all and are left out: load {some}."] if len(dark) else []


def _column(table: pd.DataFrame, name: str, default: pd.Series) -> pd.Series:
    return table[name].astype(float).fillna(default) if name in table else default.astype(float)


def _by_minutes(net: pandapowerNet, table: pd.DataFrame, switches: Mapping[tuple[str, int], Sequence[int]]) -> None:
    """Where the net says how long each switch takes that is operated, and no time for the element, take that."""
    if "minutes" not in net.switch:
        return
    for k, row in enumerate(table.itertuples(index=False)):
        used = list(dict.fromkeys(switches[row.element, row[1]]))
        minutes = net.switch.loc[used, "minutes"].astype(float)
        if "switching_hours" in row.assumed and used and minutes.notna().all():
            table.loc[table.index[k], "switching_hours"] = float(minutes.sum()) / 60
            rest = [name for name in row.assumed.split(", ") if name != "switching_hours"]
            table.loc[table.index[k], "assumed"] = ", ".join(rest)


def _notes(net: pandapowerNet, touching: Touching, table: pd.DataFrame) -> list[str]:
    notes = []
    for (kind, names), rows in table[table["assumed"] != ""].groupby(["element", "assumed"], sort=False):
        stand = "a source never fails" if kind in SOURCES else "the published values of docs/reliability.md stand there"
        notes.append(f"{len(rows)} of net.{kind} say nothing of {names}: {stand}.")
    if "customers" not in net.load:
        notes.append("net.load has no column customers: each load counts as one customer.")
    if "average_mw" not in net.load:
        notes.append("net.load has no column average_mw: energy is counted with p_mw · scaling.")
    if touching.assumed:
        some = ", ".join(f"{element} {index}" for element, index in touching.assumed[:_NAMED])
        notes.append(f"a breaker is assumed at the head of {len(touching.assumed)} feeders without one: {some}.")
    return notes


def _result(points: pd.DataFrame, table: pd.DataFrame, outages: OutageSet, notes: Sequence[str]) -> ReliabilityIndices:
    often, hours = outages.interruptions_a_year, outages.hours_a_year
    customers, power = (points[c].to_numpy(dtype=float) for c in ("customers", "average_mw"))
    system = system_indices(often, hours, customers, power)
    told = points.assign(
        interruptions_per_year=often,
        hours_per_year=hours,
        hours_per_interruption=np.divide(hours, often, out=np.full(len(often), np.nan), where=often > 0),
        ens_mwh=power * hours,
    )
    return ReliabilityIndices(
        saifi=system.saifi,
        saidi_hours=system.saidi,
        caidi_hours=system.caidi,
        asui=system.asui,
        ens_mwh=system.ens,
        aens_kwh=system.aens,
        load_points=told,
        outages=table.assign(**_shares(outages, customers, power)),
        notes=tuple(notes),
    )


def _shares(outages: OutageSet, customers: FloatArray, power: FloatArray) -> dict[str, Any]:
    """Tell what each outage takes, and adds to the indices."""
    count = customers.sum()

    def taken(who: BoolArray) -> FloatArray:
        return np.asarray(who.astype(float) @ customers)

    return {
        "customers_interrupted": taken(outages.interrupted),
        "customers_waiting": taken(outages.waits),
        "saifi": outages.rate * taken(outages.interrupted) / count,
        "saidi_hours": outages.rate * (outages.hours @ customers) / count,
        "ens_mwh": outages.rate * (outages.hours @ power),
    }
