"""One row an outage, for tables of many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import BoolArray
from adnflex.knobs import Limits, Switching
from adnflex.powerflow.structure import source_rows
from adnflex.problems.reliability.protection import Touching, tripped
from adnflex.problems.restoration.outage import Key
from adnflex.problems.restoration.study import RestorationStudy, Restored
from adnflex.problems.restoration.tables import (
    actions,
    at_fault,
    extremes,
    limiting,
    power,
    proof_of,
    status_of,
)

COLUMNS = [
    *("element", "index", "name", "dark_mw", "dark_buses", "fault_mw", "unreachable_mw", "tripped_mw", "restored_mw"),
    *("left_mw", "operations", "actions", "status", "proof", "vm_min_pu", "vm_max_pu", "loading_percent", "losses_kw"),
    *("margin", "limited_by", "restored", "left", "switches", "flows"),
]

# Loads [MW] that are none.
_NOTHING = 1e-9


@dataclass(frozen=True)
class OutageRows:
    """Makes rows of outages; a worker process reads the net once.

    Attributes
    ----------
    net : pandapowerNet
        The net.
    limits, switching : Limits, Switching
        See `RestorationStudy`.
    most : int or None
        Largest number of operations; None: any.
    generation_returns, factor : bool, float
        See `RestorationStudy`.
    """

    net: pandapowerNet
    limits: Limits
    switching: Switching
    most: int | None
    generation_returns: bool = True
    factor: float = 1.0

    def __getstate__(self) -> dict[str, Any]:
        """Give a worker what it needs; what has been read stays here."""
        return {k: v for k, v in self.__dict__.items() if k not in ("study", "touching")}

    @cached_property
    def study(self) -> RestorationStudy:
        """The net as arrays."""
        more: dict[str, Any] = {"generation_returns": self.generation_returns, "factor": self.factor}
        return RestorationStudy(self.net, self.limits, self.switching, **more)

    @cached_property
    def touching(self) -> Touching:
        """What protection trips."""
        return Touching(self.study.net)

    def __call__(self, keys: Sequence[Key]) -> list[dict[str, Any]]:
        """Return one row an outage."""
        return [self.row(key, lambda: False) for key in keys]

    def each(self, keys: Iterable[Key], stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """Yield one row an outage until the time is over."""
        for key in keys:
            if stop():
                return
            yield self.row(key, stop)

    def row(self, key: Key, stop: Callable[[], bool]) -> dict[str, Any]:
        """Return the row of one outage."""
        study = self.study
        found = study.restore(study.outage([key]), self.most, stop)
        chosen, fault = found.chosen, at_fault(study, found.outage) & found.dark
        dark, back = power(study, found.dark), power(study, found.back)
        named = [] if chosen is None else found.named(chosen)
        switches = [s for d, close in named for s in (d.close_switches if close else d.open_switches)]
        values: dict[str, Any] = {
            "element": key[0],
            "index": key[1],
            "name": name_of(study.net, key),
            "dark_mw": dark,
            "dark_buses": int(found.dark.sum()),
            "fault_mw": power(study, fault),
            "unreachable_mw": power(study, found.dark & ~found.reachable & ~fault),
            "tripped_mw": power(study, tripped_at_first(study, self.touching, [key])),
            "restored_mw": back,
            "left_mw": dark - back,
            "operations": 0 if chosen is None else chosen.operations,
            "actions": actions(found, chosen),
            "status": status_of(found),
            "proof": proof_of(study, found),
            **extremes(study, found, chosen),
            "limited_by": limited_by(study, found, dark - back, fault),
            "restored": study.buses[found.back].astype(int).tolist(),
            "left": study.buses[found.dark & ~found.back].astype(int).tolist(),
            "switches": switches,
            "flows": 0 if found.search is None else found.search.flows.count,
        }
        return values


def outages_of(net: pandapowerNet, tables: Sequence[str]) -> list[Key]:
    """List what can be out and is live: also a branch that is open at one end and hangs at the other."""
    touching = Touching(net)
    live = touching.supplied()
    found = [
        key
        for key, node in touching.node.items()
        if key[0] in ("line", "trafo", "bus") and key[0] in tables and live[node]
    ]
    if "switch" in tables:
        mine = (net.switch["et"] == "b") & net.switch["closed"].astype(bool)
        found += [("switch", int(i)) for i in net.switch.index[mine]]
    return found + [key for key in source_rows(net) if key[0] in tables]


def tripped_at_first(study: RestorationStudy, touching: Touching, keys: Sequence[Key]) -> BoolArray:
    """Which buses with supply protection trips at first; what is out of service already trips nothing."""
    known = [key for key in keys if key in touching.node]
    if not known:
        return np.zeros(len(study.buses), dtype=bool)
    lit = np.all([touching.after([key], tripped)[0] for key in known], axis=0)
    return np.asarray(study.supplied & study.buses.isin(touching.buses[~lit]))


def ranked(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a table, what leaves most dark first."""
    table = pd.DataFrame(rows, columns=[*COLUMNS, *(["period"] if rows and "period" in rows[0] else [])])
    keys = ["left_mw", "dark_mw"]
    worst = table[keys].astype(float).round(9).sort_values(keys, ascending=False, kind="stable")
    return table.loc[worst.index].reset_index(drop=True)


def worst_of(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep of each outage the row of the period in which it leaves most dark, then makes most dark, then the first."""
    found: dict[Key, dict[str, Any]] = {}
    for row in rows:
        key = str(row["element"]), int(row["index"])
        if key not in found or _darkness(row) > _darkness(found[key]):
            found[key] = row
    return list(found.values())


def _darkness(row: Mapping[str, Any]) -> tuple[float, float]:
    return round(float(row["left_mw"]), 9), round(float(row["dark_mw"]), 9)


def by_period(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return `Contingencies.by_period`."""
    found = []
    for period, mine in pd.DataFrame(rows).groupby("period", sort=True):
        worst = mine.loc[mine["left_mw"].idxmax()]
        sums = {name: float(mine[name].sum()) for name in ("dark_mw", "restored_mw", "left_mw")}
        named = {"worst": f"{worst['element']} {worst['index']}", "worst_left_mw": float(worst["left_mw"])}
        found.append({"period": period, "outages": len(mine), **sums, **named})
    return pd.DataFrame(found).set_index("period") if found else pd.DataFrame()


def limited_by(study: RestorationStudy, found: Restored, left: float, fault: BoolArray) -> str:
    """Say what keeps more from coming back, in words."""
    kept = found.search is None or found.search.best is not None
    if left <= _NOTHING and kept:
        return ""
    parts = []
    if (mw := power(study, fault)) > _NOTHING:
        parts.append(f"{mw:.3f} MW cannot be parted from the fault")
    if (mw := power(study, found.dark & ~found.reachable & ~fault)) > _NOTHING:
        parts.append(f"no tie leads to {mw:.3f} MW")
    table = limiting(study, found)
    if len(table):
        row = table.iloc[0]
        value = f"{row['value']:.5g} against {row['limit']:.5g} {row['unit']}"
        parts.append(f"{row['kind']} at {row['element']} {row['index']}: {value} after {row['actions']}")
    elif power(study, found.dark & ~found.back & found.reachable) > _NOTHING:
        parts.append("more operations than allowed")
    return "; ".join(parts)


def name_of(net: pandapowerNet, key: Key) -> str:
    """Name of an element; empty where it has none."""
    table, index = key
    name = net[table].at[index, "name"] if "name" in net[table].columns else None
    return "" if name is None or pd.isna(name) else str(name)
