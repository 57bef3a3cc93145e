"""The study's knobs: what a verb is asked, gathered at once into four frozen objects that every layer below takes.

A field has the name of the argument that it comes from, so that one name means one thing everywhere.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError

# Columns that `limits` may name, by table.
LIMIT_NAMES = (
    ("bus", "min_vm_pu"),
    ("bus", "max_vm_pu"),
    ("line", "max_loading_percent"),
    ("trafo", "max_loading_percent"),
)

# Voltage limits [pu] that a standard gives to buses up to a voltage [kV]. EN 50160 (2010), 4.2.2 and 5.2.2: within 10 %
# of the nominal or declared voltage in low and medium voltage; above 36 kV it gives none.
STANDARDS = {"EN50160": (36.0, 0.9, 1.1)}


class Gathered:
    """A frozen object of arguments of a verb."""

    @classmethod
    def gathered(cls, arguments: Mapping[str, Any]) -> Self:
        """Take from the arguments of a verb those that belong here."""
        return cls(**{f.name: arguments[f.name] for f in fields(cls) if f.name in arguments})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Horizon(Gathered):
    """When: the series, which of their rows, how long each is, and what varies.

    Attributes
    ----------
    profiles : mapping or None
        ``{(table, column): DataFrame}`` with absolute values; None: those of the net.
    periods : tuple of int or None
        Rows of the profiles; None: all.
    hours_per_period : float or None
        Length of a period [h]; None: that of the net or of the profiles' times.
    start_hour : float or None
        Clock hour at which the first row begins [h]; None: that of the net or of the profiles' times.
    scenarios : ScenarioSet or None
        What varies, and how likely.
    period_weights : float, array or None
        How often each period counts; None: once.
    situations : mapping or None
        Named operating points in place of profiles: nets that differ in powers only.
    year : bool
        Whether all rows are wanted, which have to be a whole year.
    """

    profiles: Any = None
    periods: Iterable[int] | None = None
    hours_per_period: float | None = None
    start_hour: float | None = None
    scenarios: Any = None
    period_weights: Any = None
    situations: Any = None
    year: bool = False

    def __post_init__(self) -> None:
        if self.periods is not None:  # it is read more than once
            object.__setattr__(self, "periods", tuple(self.periods))

    @property
    def many(self) -> bool:
        """Whether more than the net as it is is asked for."""
        return any(v is not None for v in (self.profiles, self.periods, self.situations)) or self.year


# Table, column, element (None: all of them), value.
Row = tuple[str, str, int | None, float]


@dataclass(frozen=True)
class Limits(Gathered):
    """Limits of the network that stand in place of those in its tables.

    Attributes
    ----------
    vm_limits : tuple of float or None
        Lowest and highest voltage of all buses [pu]; None: the net's own.
    max_loading_percent : float or None
        Of all lines and transformers [%]; None: the net's own.
    limits : tuple of (str, str, int or None, float)
        Table, column, element (None: all of them) and value; they count before all else.
    standard : str
        One of `STANDARDS`, which counts before `vm_limits` where it says anything; or empty.
    soft : bool
        Whether they may be broken as little as possible where nothing keeps them all.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> limits = Limits((0.95, 1.05), limits=(("bus", "min_vm_pu", 17, 0.9),))
    >>> limits.on(pn.case33bw()).bus["min_vm_pu"].loc[[16, 17]].tolist()
    [0.95, 0.9]
    >>> limits.words
    '0.95 to 1.05 pu, 1 of single elements'
    """

    vm_limits: tuple[float, float] | None = None
    max_loading_percent: float | None = None
    limits: tuple[Row, ...] = ()
    standard: str = ""
    soft: bool = False

    @classmethod
    def gathered(cls, arguments: Mapping[str, Any], *, soft: bool = False) -> Self:
        """Take from the arguments of a verb those that belong here.

        Parameters
        ----------
        arguments : mapping
            Of the verb; ``limits`` is ``all``, ``soft``, the name of a standard, rows, or ``soft`` beside one of these.
        soft : bool
            Whether the verb knows soft limits.
        """
        found = super().gathered({k: v for k, v in arguments.items() if k != "limits"})
        given: Any = arguments.get("limits") or ()
        if asked := "soft" in given:
            if not soft:
                raise InputError("limits: 'soft' is for reconfigure over many periods; leave it out.")
            given = () if given == "soft" else given[1]
        if isinstance(given, str):
            return replace(found, standard="" if given == "all" else given, soft=asked)
        return replace(found, limits=given, soft=asked)

    def faults(self, net: pandapowerNet) -> list[str]:
        """Name elements that a net does not have."""
        unknown = [(t, i) for t, _, i, _ in self.limits if i is not None and i not in net[t].index]
        return [f"limits: {t} {i} is not in net.{t}; give existing indices." for t, i in dict.fromkeys(unknown)]

    def on(self, net: pandapowerNet) -> pandapowerNet:
        """Return the net with these limits in its tables; the net itself stays as it is."""
        rows = [*self._rows(net)]
        if not rows:
            return net
        view = copy.copy(net)
        columns: dict[tuple[str, str], pd.Series] = {}
        for table, column, where, value in rows:
            if (table, column) not in columns:
                known = net[table].get(column, pd.Series(np.nan, index=net[table].index))
                columns[table, column] = known.astype(float).copy()
            columns[table, column].loc[where] = value
        for (table, column), values in columns.items():
            view[table] = view[table].assign(**{column: values})
        return view

    def _rows(self, net: pandapowerNet) -> Iterable[tuple[str, str, Any, float]]:
        """Table, column, elements and value, in the order in which they are written."""
        everything = slice(None)
        if self.vm_limits is not None:
            low, high = self.vm_limits
            yield from (("bus", "min_vm_pu", everything, low), ("bus", "max_vm_pu", everything, high))
        if self.standard:
            most, low, high = STANDARDS[self.standard]
            mine = net.bus.index[net.bus["vn_kv"] <= most]
            yield from (("bus", "min_vm_pu", mine, low), ("bus", "max_vm_pu", mine, high))
        if self.max_loading_percent is not None:
            for table in ("line", "trafo"):
                if len(net[table]):
                    yield table, "max_loading_percent", everything, self.max_loading_percent
        for table, column, index, value in self.limits:
            yield table, column, everything if index is None else index, value

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that say this."""
        rest: Any = self.standard or self.limits or None
        if self.soft:
            rest = ("soft", rest) if rest else "soft"
        return {"vm_limits": self.vm_limits, "max_loading_percent": self.max_loading_percent, "limits": rest}

    @property
    def odd(self) -> str:
        """Say what no limits are, of a file that was read; empty where all is well."""
        if self.vm_limits is not None and not 0 <= self.vm_limits[0] <= self.vm_limits[1] < np.inf:
            return "vm_limits are {:g} and {:g}, not in order".format(*self.vm_limits)
        if self.standard and self.standard not in STANDARDS:
            return f"{self.standard} is no standard of limits"
        return next((f"{t}.{c} is no limit" for t, c, _, _ in self.limits if (t, c) not in LIMIT_NAMES), "")

    @property
    def words(self) -> str:
        """What stands in place of the net's own, for a reader."""
        parts = ["" if self.vm_limits is None else "{:g} to {:g} pu".format(*self.vm_limits), self.standard]
        if self.max_loading_percent is not None:
            parts.append(f"loading up to {self.max_loading_percent:g} %")
        whole = [row for row in self.limits if row[2] is None]
        parts += [f"{table}.{column} {value:g}" for table, column, _, value in whole]
        single = len(self.limits) - len(whole)
        parts.append(f"{single} of single elements" if single else "")
        told = ", ".join(part for part in parts if part) or "those in the net"
        return f"{told}; broken as little as possible where nothing keeps them all" if self.soft else told


@dataclass(frozen=True)
class Switching(Gathered):
    """What may be switched, when, how often and at what cost.

    Attributes
    ----------
    switchable_lines : tuple of int, ``"all"`` or None
        Lines that may be switched; None: those in service that carry a line switch and, in nets without switch rows,
        all of them.
    switchable_switches : tuple of int
        Bus-bus and transformer switches that may be operated as well.
    locked_lines : tuple of int
        Lines that keep their present state.
    max_operations : int or None
        Largest number of branches that change, over the horizon; None: any.
    switching_cost : float
        Of one operation, in the unit of the objective.
    start : str
        ``present`` (operations are counted from the present states) or ``free`` (the first states cost nothing).
    windows : str, float, list or None
        Which periods share one set of switch states: those of a ``month``, ``week``, ``day``, of so many hours, from
        one of some first periods on, or those listed together; None: all. ``fixed``: the present states stay.
    """

    switchable_lines: Iterable[int] | str | None = None
    switchable_switches: Iterable[int] = ()
    locked_lines: Iterable[int] = ()
    max_operations: int | None = None
    switching_cost: float = 0.0
    start: str = "present"
    windows: Any = None

    def __post_init__(self) -> None:
        for name in ("switchable_lines", "switchable_switches", "locked_lines"):  # they are read more than once
            given = getattr(self, name)
            if isinstance(given, str) and name != "switchable_lines":
                raise InputError(f"{name} is {given!r}; give {'line indices' if 'lines' in name else 'indices'}.")
            if given is not None and not isinstance(given, str):
                object.__setattr__(self, name, tuple(int(i) for i in given))

    @property
    def choice(self) -> dict[str, Any]:
        """What may be switched, as it is kept in a result."""
        lines = self.switchable_lines
        return {
            "switchable_lines": lines if lines is None or isinstance(lines, str) else list(lines),
            "switchable_switches": list(self.switchable_switches),
            "locked_lines": list(self.locked_lines),
        }

    @property
    def of_one_state(self) -> Switching:
        """The same where there is one state only: with a free start nothing is counted, and nothing costs."""
        return self if self.start == "present" else replace(self, max_operations=None, switching_cost=0.0)

    @property
    def fixed(self) -> bool:
        """Whether nothing is switched."""
        return bool(self.windows == "fixed")

    @property
    def present(self) -> Switching:
        """The same with every branch as it is now."""
        return replace(self, switchable_lines=(), switchable_switches=(), locked_lines=())


@dataclass(frozen=True)
class Effort(Gathered):
    """How good, how long and with what.

    Attributes
    ----------
    gap : float
        Relative gap at which to stop.
    time_limit : float
        Seconds [s].
    workers : int or None
        Processes; None: one a core.
    executor : concurrent.futures.Executor or None
        Runs what can run side by side; None: processes of this machine.
    seed : int
        Of everything that is drawn.
    progress : callable or None
        Told how it goes.
    solver : str
        ``auto`` or a name.
    """

    gap: float = 1e-4
    time_limit: float = 300.0
    workers: int | None = None
    executor: Executor | None = None
    seed: int = 0
    progress: Callable[..., None] | None = None
    solver: str = "auto"
