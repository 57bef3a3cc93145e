"""Operations: what a person does with one switch, and where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError

# What pandapower's switch types can do: circuit breakers, load break switches and load switches break load, a
# disconnector neither makes nor breaks it (IEC 62271-102).
_BREAKS_LOAD = {"CB": True, "LBS": True, "LS": True, "DS": False}


@dataclass(frozen=True)
class Operation:
    """One branch closed or opened, by the switches that do it.

    Attributes
    ----------
    element, index : str, int
        The branch: ``line``, ``trafo`` or ``switch`` (between buses).
    name : str
        Its name in the net.
    from_bus, to_bus : int
        Its buses.
    close : bool
        Whether it is closed.
    switches : tuple of int
        Switches that are operated; empty where the branch has none and is taken out of, or put into, service.
    by_service : bool
        Whether ``in_service`` is what is changed.
    station : int
        Bus at which it is operated.
    kind : str
        ``net.switch.type`` of the switch, or empty.
    remote : bool or None
        ``net.switch.remote``; None where the net does not say.
    minutes : float
        ``net.switch.minutes``: how long it takes [min]; 1 where the net does not say.
    rated_ka : float
        Smallest rated current of switch (``in_ka``) and branch [kA]; NaN where there is none.
    """

    element: str
    index: int
    name: str
    from_bus: int
    to_bus: int
    close: bool
    switches: tuple[int, ...]
    by_service: bool
    station: int
    kind: str
    remote: bool | None
    minutes: float
    rated_ka: float

    @property
    def breaks_load(self) -> bool:
        """Whether its switch may be operated under load; one without a known type may."""
        return _BREAKS_LOAD.get(self.kind, True)

    def __str__(self) -> str:
        return f"{'close' if self.close else 'open'} {self.element} {self.index}"


def operations_of(before: pandapowerNet, after: pandapowerNet) -> tuple[Operation, ...]:
    """List what has to be switched between two states of a net: lines, then transformers, then couplers.

    Parameters
    ----------
    before, after : pandapowerNet
        The same net in both states; they are only read.

    Raises
    ------
    InputError
        If a branch stays open and is to be open at its other end.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> import adnflex
    >>> net = pn.case33bw()
    >>> plan = adnflex.plan_from(net, open_lines=[6, 32, 33, 35, 36])
    >>> [str(operation) for operation in operations_of(net, plan.apply(net))]
    ['open line 6', 'close line 34']
    """
    moved: dict[tuple[str, int], list[int]] = {}
    if len(before.switch):
        changed = before.switch["closed"].to_numpy(dtype=bool) != after.switch["closed"].to_numpy(dtype=bool)
        for switch, kind, element in before.switch.loc[changed, ["et", "element"]].itertuples():
            key = (_ELEMENTS[kind], int(switch if kind == "b" else element))
            moved.setdefault(key, []).append(int(switch))
    for table in ("line", "trafo"):
        on = before[table]["in_service"].to_numpy(dtype=bool) != after[table]["in_service"].to_numpy(dtype=bool)
        for index in before[table].index[on]:
            moved.setdefault((table, int(index)), [])
    found, faults = [], []
    for key in sorted(moved, key=lambda k: (_ORDER.index(k[0]), k[1])):
        states = _closed(before, *key), _closed(after, *key)
        if states[0] == states[1]:
            faults.append(f"{key[0]} {key[1]} stays open, at another end; leave its switches as they are.")
            continue
        found.append(_operation(before, after, key, tuple(sorted(moved[key])), states[1]))
    if faults:
        raise InputError(faults)
    return tuple(found)


_ELEMENTS = {"l": "line", "t": "trafo", "b": "switch"}
_ORDER = ("line", "trafo", "switch")
_ENDS = {"line": ("from_bus", "to_bus"), "trafo": ("hv_bus", "lv_bus"), "switch": ("bus", "element")}


def _closed(net: pandapowerNet, element: str, index: int) -> bool:
    """Whether a branch conducts: in service, and every switch at it closed."""
    if element == "switch":
        return bool(net.switch.at[index, "closed"])
    mine = net.switch[(net.switch["et"] == element[0]) & (net.switch["element"] == index)]
    return bool(net[element].at[index, "in_service"]) and bool(mine["closed"].all())


def _operation(
    before: pandapowerNet, after: pandapowerNet, key: tuple[str, int], used: tuple[int, ...], close: bool
) -> Operation:
    element, index = key
    row = before[element].loc[index]
    told = before.switch.loc[list(used)]
    minutes, remote, kinds = (_column(told, name) for name in ("minutes", "remote", "type"))
    ends = [int(row[end]) for end in _ENDS[element]]
    return Operation(
        element=element,
        index=index,
        name="" if pd.isna(row.get("name")) else str(row["name"]),
        from_bus=ends[0],
        to_bus=ends[1],
        close=close,
        switches=used,
        by_service=element != "switch" and bool(row["in_service"]) != bool(after[element].at[index, "in_service"]),
        station=int(told["bus"].iloc[0]) if used else ends[1],
        kind=str(kinds[0]) if kinds else "",
        remote=bool(all(remote)) if remote else None,
        minutes=float(max(minutes)) if minutes else 1.0,
        rated_ka=_smallest([*_column(told, "in_ka"), *_ratings(before, element, index)]),
    )


def switch_table(operations: Sequence[Operation], done: Sequence[bool]) -> pd.DataFrame:
    """Return a table as `adnflex.grid.write` takes it, of a state in which some operations are done."""
    return pd.DataFrame(
        {
            "element": [o.element for o in operations],
            "index": [o.index for o in operations],
            "operated": list(done),
            "closed_after": [o.close == turned for o, turned in zip(operations, done, strict=True)],
            "switches": [o.switches for o in operations],
            "by_service": [o.by_service for o in operations],
        }
    )


def _column(table: pd.DataFrame, name: str) -> list[Any]:
    """Values of a column that need not be there, those that are missing left out."""
    return [] if name not in table.columns else [v for v in table[name].tolist() if not pd.isna(v)]


def _ratings(net: pandapowerNet, element: str, index: int) -> Iterable[float]:
    """Rated current of a branch [kA]."""
    if element == "line":
        line = net.line.loc[index]
        yield float(line["max_i_ka"]) * float(line["parallel"]) * float(line.get("df", 1.0))
    elif element == "trafo":
        trafo = net.trafo.loc[index]
        yield float(trafo["sn_mva"]) * float(trafo["parallel"]) / (3**0.5 * float(trafo["vn_hv_kv"]))


def _smallest(values: Iterable[float]) -> float:
    known = [v for v in values if v > 0 and not pd.isna(v)]
    return min(known, default=float("nan"))
