"""Nets broken on purpose, generated from the description of their tables: each table × column × kind of fault.

A fault is drawn by a seed; it knows which element, column and index has to be named, or that the net says the same as
before in other types and has to give the same answer.
"""

from __future__ import annotations

import copy
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd

import adnflex
from adnflex import networks
from adnflex.errors import AdnflexError
from adnflex.grid.description import Column, Table
from adnflex.grid.sound import described

Values = Callable[[pd.Series, int], Any]


@dataclass(frozen=True)
class Fault:
    """One way to break a net.

    Attributes
    ----------
    kind : str
        Its name in reports.
    table, column : str
        Where.
    refused : bool
        Whether the net has to be refused; else it has to give the same answer.
    apply : callable
        Takes a table and the place of a row, returns the broken table and the index that has to be named.
    """

    kind: str
    table: str
    column: str
    refused: bool
    apply: Callable[[pd.DataFrame, int], tuple[Any, Any]]

    def __str__(self) -> str:
        return f"{self.kind} in {self.table}.{self.column}" if self.column else f"{self.kind}: {self.table}"


# --- base nets ------------------------------------------------------------------------------------


@cache
def everything() -> pp.pandapowerNet:
    """Every table that is read or refused, each with a row; what no model holds is out of service."""
    net = pp.create_empty_network()
    for _ in range(5):
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    low = pp.create_bus(net, 0.4, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, min_p_mw=-10.0, max_p_mw=10.0)
    for k in range(4):
        pp.create_line_from_parameters(net, k, k + 1, 1.0, 0.3, 0.3, 10.0, 0.2, g_us_per_km=0.0)
    pp.create_transformer(net, 1, low, "0.4 MVA 20/0.4 kV")
    pp.create_load(net, 2, 0.1, 0.02, controllable=False)
    cars = pp.create_load(net, 4, 0.0, 0.0, type="ev", controllable=True)
    pp.create_sgen(net, 3, 0.1, 0.02, type="PV", controllable=True, min_p_mw=0.0, max_p_mw=0.1)
    pp.create_storage(
        net, 4, 0.0, max_e_mwh=0.1, min_e_mwh=0.0, soc_percent=50.0, min_p_mw=-0.02, max_p_mw=0.02, controllable=True
    )
    net.storage["efficiency_percent"] = 95.0
    pp.create_shunt(net, 2, 0.01, 0.0)
    pp.create_ward(net, 3, 0.01, 0.01, 0.01, 0.01)
    pp.create_motor(net, 3, 0.01, 0.9)
    pp.create_switch(net, 1, 0, "l")
    pp.create_switch(net, 1, 0, "t")
    pp.create_switch(net, 2, 4, "b", closed=False)
    pp.create_gen(net, 4, 0.1, in_service=False)
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=50.0)
    pp.create_pwl_cost(net, 0, "sgen", [[0.0, 0.1, 1.0]])
    net["ev"] = pd.DataFrame(
        {"load": [cars], "vehicle": ["car"], "arrival": [0], "departure": [1], "need_kwh": [1.0], "max_kwh": [2.0]}
    ).assign(p_max_mw=0.01)
    _refused(net)
    return net


def _refused(net: pp.pandapowerNet) -> None:
    """Elements that no model holds, out of service."""
    pp.create_xward(net, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 1.0, in_service=False)
    pp.create_impedance(net, 1, 2, 0.1, 0.1, 1.0, in_service=False)
    pp.create_dcline(net, 1, 2, 0.1, 1.0, 0.1, 1.0, 1.0, in_service=False)
    pp.create_svc(net, 1, 1.0, -10.0, 1.0, 90.0, in_service=False)
    pp.create_ssc(net, 1, 0.1, 1.0, in_service=False)
    pp.create_tcsc(net, 1, 2, 1.0, -10.0, 0.1, 90.0, in_service=False)
    pp.create_asymmetric_load(net, 1, p_a_mw=0.1, in_service=False)
    pp.create_asymmetric_sgen(net, 1, p_a_mw=0.1, in_service=False)


@cache
def base(name: str) -> pp.pandapowerNet:
    """Return a net to be broken; it is never changed."""
    if name == "everything":
        return everything()
    if name.startswith("simbench:"):
        import simbench

        return simbench.get_simbench_net(name.removeprefix("simbench:"))
    return networks.load(name) if name in networks.names() else getattr(pn, name)()


BASES = ("everything", "case33bw", "example_simple", "ieee33_dispatch", "park33_flexibility", "rolling33")
SIMBENCH = "simbench:1-LV-rural1--0-sw"


# --- faults ---------------------------------------------------------------------------------------


def _put(value: Any) -> Callable[[pd.DataFrame, int, str], tuple[pd.DataFrame, Any]]:
    """Write one value of another kind into a row."""

    def apply(frame: pd.DataFrame, place: int, column: str) -> tuple[pd.DataFrame, Any]:
        values = frame[column].astype(object).to_numpy(copy=True)
        values[place] = value
        return frame.assign(**{column: pd.Series(values, frame.index, dtype=object)}), frame.index[place]

    return apply


def _number(value: float) -> Callable[[pd.DataFrame, int, str], tuple[pd.DataFrame, Any]]:
    """Write one number into a row of numbers."""

    def apply(frame: pd.DataFrame, place: int, column: str) -> tuple[pd.DataFrame, Any]:
        values = frame[column].to_numpy(dtype=float, copy=True)
        values[place] = value
        return frame.assign(**{column: values}), frame.index[place]

    return apply


def _all(change: Callable[[pd.Series], Any]) -> Callable[[pd.DataFrame, int, str], tuple[pd.DataFrame, Any]]:
    """Turn the whole column into another type."""

    def apply(frame: pd.DataFrame, place: int, column: str) -> tuple[pd.DataFrame, Any]:
        return frame.assign(**{column: change(frame[column])}), frame.index[0]

    return apply


def _truths(series: pd.Series) -> pd.Series:
    """A column of truth, in which a missing value is False."""
    return pd.Series([v is not None and v == v and bool(v) for v in series], series.index, dtype=bool)


def _values_of(column: Column, on: bool) -> Iterator[tuple[str, bool, Any]]:
    """List the faults of a column: name, whether it is refused, how it is made; `on`: values count in some row."""
    if column.kind == "truth":
        yield "0 and 1 for truth", False, _all(lambda s: _truths(s).astype(int))
        yield "0.0 and 1.0 for truth", False, _all(lambda s: _truths(s).astype(float))
        yield "nullable truth", False, _all(lambda s: _truths(s).astype("boolean"))
        yield "truth as objects", False, _all(lambda s: _truths(s).astype(object))
        yield "text for truth", True, _all(lambda s: s.astype(str))
        yield "a word for truth", True, _put("no")
        yield "2 for truth", True, _put(2)
        yield "no truth", not column.blank, _put(None)
    elif column.kind in ("number", "whole"):
        yield "numbers as objects", False, _all(lambda s: s.astype(float).astype(object))
        yield "nullable numbers", False, _all(lambda s: s.astype(float).astype("Float64"))
        yield "text for numbers", True, _all(lambda s: s.astype(str))
        yield "a word for a number", True, _put("n/a")
        yield "a time for a number", True, _put(pd.Timestamp("2024-01-01"))
        yield "a complex number", True, _put(1j)
        yield "truth for a number", True, _put(True)
        if on:
            yield "no number", not column.blank, _number(np.nan)
            yield "infinite", not column.infinite, _number(np.inf)
            if column.low > -np.inf:
                yield "below its range", True, _number(column.low - 1.0)
            if column.above:
                yield "at the end of its range", True, _number(column.low)
        if column.kind == "whole":
            yield "a fraction", True, _number(1.5)
    elif column.kind == "reference":
        yield "references as floats", False, _all(lambda s: s.astype(float))
        yield "dangling", True, _number(987654.0)
        yield "a negative reference", True, _number(-3.0)
        yield "a name for a reference", True, _put("Bus 3")
        yield "no reference", True, _number(np.nan)
        yield "half a reference", True, _number(0.5)
    elif column.kind == "word":
        yield "a wrong letter", True, _put("x")
        yield "a number for a word", True, _put(7.0)
        yield "words as categories", False, _all(lambda s: s.astype("category"))
    else:
        yield "a number for text", True, _put(7.0)


def _bind(make: Any, column: str) -> Callable[[pd.DataFrame, int], tuple[Any, Any]]:
    return lambda frame, place: make(frame, place, column)


def _index(change: Callable[[list[Any], int], list[Any]]) -> Callable[[pd.DataFrame, int], tuple[Any, Any]]:
    def apply(frame: pd.DataFrame, place: int) -> tuple[Any, Any]:
        new = frame.copy(deep=False)
        new.index = pd.Index(change(frame.index.tolist(), place))
        return new, ""

    return apply


def _same(items: list[Any], place: int) -> list[Any]:
    return [items[place - 1] if k == place else i for k, i in enumerate(items)]


def _faults_of_table(table: Table, rows: int) -> Iterator[Fault]:
    name = table.name
    for word, thing in (("a dict", {"p_mw": 1}), ("a list", [1]), ("text", "no table"), ("a Series", pd.Series([1.0]))):
        yield Fault(f"{word} for a table", name, "", True, lambda frame, place, thing=thing: (thing, ""))
    if table.indexed:
        yield Fault("text index", name, "", True, _index(lambda items, _: [f"L{i}" for i in items]))
        yield Fault("index of floats", name, "", False, _index(lambda items, _: [float(i) for i in items]))
        yield Fault("index with a fraction", name, "", True, _index(lambda items, _: [i + 0.5 for i in items]))
        yield Fault(
            "negative index", name, "", True, _index(lambda items, k: [-5 if i == items[k] else i for i in items])
        )
        if rows > 1:
            yield Fault("duplicate index", name, "", True, _index(_same))
    first = table.columns[0].name
    yield Fault(
        "a column twice", name, first, True, lambda frame, place: (pd.concat([frame, frame[[first]]], axis=1), "")
    )


def faults(net: pp.pandapowerNet) -> list[Fault]:
    """List every fault that the description knows for a net's own rows."""
    found: list[Fault] = []
    for table in described():
        frame = net.get(table.name)
        if not isinstance(frame, pd.DataFrame) or not len(frame):
            continue
        found += _faults_of_table(table, len(frame))
        for column in table.columns:
            if column.name not in frame.columns:
                continue
            if column.required:
                drop = lambda frame, place, c=column.name: (frame.drop(columns=c), "")  # noqa: E731
                found.append(Fault("no column", table.name, column.name, True, drop))
            on = column.always or bool(len(_counting(frame, table.name)))
            found += [
                Fault(kind, table.name, column.name, refused, _bind(make, column.name))
                for kind, refused, make in _values_of(column, on)
            ]
    return found


def _counting(frame: pd.DataFrame, table: str) -> np.ndarray:
    """Places of the rows whose values count: those in service, and every line."""
    if table == "line" or "in_service" not in frame.columns:
        return np.arange(len(frame))
    return np.flatnonzero(frame["in_service"].to_numpy(dtype=bool))


def broken(net: pp.pandapowerNet, fault: Fault, rng: np.random.Generator) -> tuple[pp.pandapowerNet, Any] | None:
    """Return a view of a net with a fault in it, and the index to be named; None where it cannot be made here."""
    frame = net[fault.table]
    places = _counting(frame, fault.table) if fault.kind in _OF_A_ROW_IN_SERVICE else np.arange(len(frame))
    place = int(rng.choice(places)) if len(places) else 0
    try:
        part, index = fault.apply(frame, place)
    except (TypeError, ValueError):
        return None  # this column holds nothing that could be turned into that
    view = copy.copy(net)
    view[fault.table] = part
    return view, index


_OF_A_ROW_IN_SERVICE = {"no number", "infinite", "below its range", "at the end of its range"}


def named(fault: Fault, index: Any, finding: str) -> bool:
    """Whether a sentence says table, column and index."""
    return fault.table in finding and fault.column in finding and str(index) in finding


# --- what comes of it -----------------------------------------------------------------------------


@cache
def plan_of(name: str) -> adnflex.Plan | None:
    """A plan of a base net, where there is one."""
    try:
        return adnflex.reconfigure(base(name), workers=1, time_limit=10.0, vm_limits=(0.8, 1.2))
    except AdnflexError:
        return None


VERBS: dict[str, Callable[[str, pp.pandapowerNet], object]] = {
    "reconfigure": lambda _, net: adnflex.reconfigure(net, workers=1, time_limit=10.0, vm_limits=(0.8, 1.2)).objective,
    "dispatch": lambda _, net: adnflex.dispatch(net, time_limit=10.0, periods=[0], loss_cost_per_mwh=1.0).objective,
    "flexibility": lambda _, net: adnflex.flexibility(net, time_limit=10.0, periods=[0]).total_mwh,
    "pq_region": lambda _, net: (
        adnflex.pq_region(net, periods=[0], time_limit=5.0, directions=4).areas["outer"].iloc[0]
    ),
    "rolling": lambda _, net: adnflex.RollingCase.from_net(net, buy_price_per_mwh=50.0).fingerprint,
    "validate": lambda name, net: adnflex.validate(plan_of(name), net).losses_mw,
    "apply": lambda name, net: plan_of(name).apply(net).line["in_service"].astype(bool).tolist(),
}


def outcome(verb: str, name: str, net: pp.pandapowerNet) -> tuple[str, object]:
    """What a verb makes of a net: its number, or its error; anything but an AdnflexError is a fault."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = VERBS[verb](name, net)
    except AdnflexError as error:
        return type(error).__name__, error
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return "traceback", f"{type(error).__name__}: {error} ({where.filename.rpartition('/')[2]}:{where.lineno})"
    return "answer", round(value, 6) if isinstance(value, float) else value


def wrong(verb: str, name: str, fault: Fault, net: pp.pandapowerNet, index: Any) -> str:
    """Say what is wrong with what comes of a broken net; empty where all is right."""
    kind, value = outcome(verb, name, net)
    if kind == "traceback":
        return str(value)
    if fault.refused:
        if kind != "InputError":
            return f"{kind} {value}"
        return "" if any(named(fault, index, f) for f in value.findings) else f"does not name {index}: {value}"
    before, same = expected(verb, name)
    if (kind, str(value)) != (before, str(same)):
        return f"{kind} {value} instead of {before} {same}"
    return ""


@cache
def expected(verb: str, name: str) -> tuple[str, object]:
    """What comes of the whole net."""
    return outcome(verb, name, base(name))


def draw(rng: np.random.Generator, bases: Sequence[str], same: float) -> tuple[str, Fault, pp.pandapowerNet, Any]:
    """Draw a base net and a fault: of a table, a column and a kind that are all equally likely."""
    while True:
        name = str(rng.choice(bases))
        known = _known(name)
        refused = bool(rng.random() >= same)
        tables = sorted({f.table for f in known})
        table = str(rng.choice(tables))
        columns = sorted({f.column for f in known if f.table == table})
        column = str(rng.choice(columns))
        here = [f for f in known if (f.table, f.column, f.refused) == (table, column, refused)]
        if not here:
            continue
        fault = here[int(rng.integers(len(here)))]
        made = broken(base(name), fault, rng)
        if made is not None:
            return name, fault, *made


@cache
def _known(name: str) -> tuple[Fault, ...]:
    return tuple(faults(base(name)))
