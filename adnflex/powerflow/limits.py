"""Measured states against every limit of a net: the worst place of each kind, all violations, what is nearest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.knobs import Limits
from adnflex.powerflow.states import Measured
from adnflex.powerflow.structure import root_buses

VIOLATION_COLUMNS = ["kind", "element", "index", "value", "limit", "excess", "unit"]
LIMIT_COLUMNS = ["kind", "checked", "element", "index", "value", "limit", "margin", "unit"]

_OWN = Limits()

# So many values are compared at a time: of a year of states no second table is made.
_AT_ONCE = 2**18

# A state on its limit is no violation: half of the last digit that matters.
_TOLERANCE = {"pu": 1e-6, "%": 1e-3}


@dataclass(frozen=True)
class NetLimits:
    """Limits of a net; NaN or infinite: none.

    Attributes
    ----------
    voltage : pandas.DataFrame
        Index: bus; ``vm_min_pu``, ``vm_max_pu`` [pu].
    roots : tuple of int
        Buses of the sources: no set-point of a network moves their voltage, so that they are not compared; with limits
        of their own they would hide the worst bus.
    loading_percent : pandas.Series
        Index ``(element, index)`` of lines and transformers [%].
    sources : pandas.DataFrame
        Index ``(table, index)``; ``min_p_mw``, ``max_p_mw``, ``min_q_mvar``, ``max_q_mvar`` of the import.
    source_tolerance : float
        Import beyond its limit that is rounding [MW, Mvar].
    """

    voltage: pd.DataFrame
    roots: tuple[int, ...]
    loading_percent: pd.Series
    sources: pd.DataFrame = field(default_factory=pd.DataFrame)
    source_tolerance: float = 1e-5


@dataclass(frozen=True)
class Compared:
    """What comes of a comparison; the columns of the states' labels stand behind the first two, or in front.

    Attributes
    ----------
    limits : pandas.DataFrame
        One row a kind of limit and table, with its worst place and state (see `DispatchCheck.limits`).
    violations : pandas.DataFrame
        Every violated limit, state by state, worst first (see `DispatchCheck.violations`).
    nearest : pandas.DataFrame
        One row a state: the limit with the smallest margin relative to 1 pu, the rating or the base power, as
        ``limit_kind``, ``limit_element``, ``limit_index``, ``limit_value``, ``limit``, ``limit_unit``.
    margin : (states,) array
        That smallest relative margin; negative where a limit is broken, inf where there is none.
    """

    limits: pd.DataFrame
    violations: pd.DataFrame
    nearest: pd.DataFrame
    margin: np.ndarray


def limits_of(net: pandapowerNet, limits: Limits = _OWN) -> NetLimits:
    """Read the limits of a net.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    limits : Limits
        What stands in place of the limits of the net.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> limits_of(pn.case33bw(), Limits((0.95, 1.05))).voltage.iloc[0].tolist()
    [0.95, 1.05]
    """
    net = limits.on(net)
    nothing = pd.Series(np.nan, index=net.bus.index)
    low, high = net.bus.get("min_vm_pu", nothing), net.bus.get("max_vm_pu", nothing)
    voltage = pd.DataFrame({"vm_min_pu": low, "vm_max_pu": high}, index=net.bus.index, dtype=float)
    rated = {
        (element, int(i)): float(x)
        for element in ("line", "trafo")
        if len(net[element]) and "max_loading_percent" in net[element].columns
        for i, x in net[element]["max_loading_percent"].items()
    }
    return NetLimits(voltage, tuple(root_buses(net)), pd.Series(rated, dtype=float))


@dataclass(frozen=True)
class _Block:
    """Values of one kind of limit: states by places."""

    kind: str
    element: str
    values: pd.DataFrame  # columns: pandapower indices
    limit: np.ndarray
    sign: float  # 1 for an upper limit, -1 for a lower one
    unit: str
    tolerance: float

    def parts(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Give some states at a time, and how far each place is beyond its limit; -inf without a value or limit."""
        values = self.values.to_numpy(dtype=float)
        size = max(_AT_ONCE // max(values.shape[1], 1), 1)
        for k in range(0, len(values), size):
            beyond = self.sign * (values[k : k + size] - self.limit)
            beyond[np.isnan(beyond)] = -np.inf
            yield slice(k, k + size), beyond


def compare(measured: Measured, limits: NetLimits, base_mva: float = 1.0) -> Compared:
    """Compare measured states with limits.

    Parameters
    ----------
    measured : Measured
        The states; what did not converge has no values and breaks nothing here (see `adnflex.powerflow.verdict`).
    limits : NetLimits
        The limits.
    base_mva : float
        What margins of imports are measured by [MVA], to say which limit is nearest.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid.write import one_state
    >>> from adnflex.powerflow.states import measure
    >>> net = pn.case33bw()
    >>> found = compare(measure(net, one_state()), limits_of(net, Limits((0.95, 1.05))))
    >>> len(found.violations), found.violations.at[0, "kind"], int(found.violations.at[0, "index"])
    (21, 'voltage low', 17)
    """
    # the only state of a net needs no label
    labels = measured.labels.to_frame(index=False).drop(columns="state", errors="ignore")
    names = [str(n) for n in labels.columns]
    blocks = list(_blocks(measured, limits))
    found = [_Extremes(block) for block in blocks]
    worst = [row for one in found if (row := one.worst(labels)) is not None]
    bad = stacked([one.violated(labels) for one in found if one.broken], ["row", *names, *VIOLATION_COLUMNS])
    if len(bad):
        bad = bad.assign(share=-(bad["excess"] / bad["limit"].abs().clip(lower=1e-9)).astype(float))
        bad = bad.sort_values(["row", "share"], kind="stable").reset_index(drop=True)
    table = pd.DataFrame(worst, columns=[*LIMIT_COLUMNS[:2], *names, *LIMIT_COLUMNS[2:]])
    nearest, margin = _nearest(found, measured.labels, base_mva)
    return Compared(table, bad[[*names, *VIOLATION_COLUMNS]], nearest, margin)


def margins(measured: Measured, limits: NetLimits, base_mva: float = 1.0) -> np.ndarray:
    """Return `Compared.margin` alone."""
    found = [_Extremes(block) for block in _blocks(measured, limits)]
    return _nearest(found, measured.labels, base_mva)[1]


def _blocks(measured: Measured, limits: NetLimits) -> Iterator[_Block]:
    vm = measured.vm_pu
    compared = ~vm.columns.isin(limits.roots)
    for kind, column, sign in (("voltage low", "vm_min_pu", -1.0), ("voltage high", "vm_max_pu", 1.0)):
        most = np.where(compared, limits.voltage[column].reindex(vm.columns).to_numpy(dtype=float), np.nan)
        yield _Block(kind, "bus", vm, most, sign, "pu", _TOLERANCE["pu"])
    for element in ("line", "trafo"):
        if len(limits.loading_percent) and element in limits.loading_percent.index.get_level_values(0):
            loading, rating = measured.loading_percent[element], limits.loading_percent[element]
            most = rating.reindex(loading.columns).to_numpy(dtype=float)
            yield _Block("loading", element, loading, most, 1.0, "%", _TOLERANCE["%"])
    for (table, index), limit in limits.sources.iterrows():
        for name, column, unit in (("", "p_mw", "MW"), ("reactive ", "q_mvar", "Mvar")):
            ends = (("low", float(limit[f"min_{column}"]), -1.0), ("high", float(limit[f"max_{column}"]), 1.0))
            if not np.isfinite([end for _, end, _ in ends]).any():
                continue
            values = pd.DataFrame({index: measured.sources[table, index, column]})
            for side, end, sign in ends:
                if np.isfinite(end):
                    most = np.array([end])
                    yield _Block(f"{name}import {side}", table, values, most, sign, unit, limits.source_tolerance)


class _Extremes:
    """What is furthest beyond one kind of limit: in every state, and where it is violated."""

    def __init__(self, block: _Block) -> None:
        count = len(block.values)
        self.block = block
        self.most, self.place = np.full(count, -np.inf), np.zeros(count, dtype=np.int64)
        self._checked = 0
        violated = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
        for part, beyond in block.parts() if block.values.shape[1] else ():
            places = beyond.argmax(axis=1)
            self.place[part], self.most[part] = places, beyond[np.arange(len(beyond)), places]
            self._checked += int(np.isfinite(beyond).sum())
            rows, places = np.nonzero(beyond > block.tolerance)
            violated.append((rows + part.start, places, beyond[rows, places]))
        self._violated = [np.concatenate(column) for column in zip(*violated, strict=True)]

    @property
    def scaled(self) -> np.ndarray:
        """The same relative to 1 pu or 100 %; imports in MW or Mvar."""
        return self.most / (100.0 if self.block.unit == "%" else 1.0)

    @property
    def broken(self) -> bool:
        """Whether it is violated anywhere."""
        return len(self._violated[0]) > 0

    def worst(self, labels: pd.DataFrame) -> tuple[Any, ...] | None:
        """Worst place and state."""
        if not self._checked:
            return None
        block, row = self.block, int(self.most.argmax())
        place = int(self.place[row])
        value, limit = float(block.values.iat[row, place]), float(block.limit[place])
        where = [_plain(v) for v in labels.iloc[row]]
        index, margin = int(block.values.columns[place]), -float(self.most[row])
        return (block.kind, self._checked, *where, block.element, index, value, limit, margin, block.unit)

    def violated(self, labels: pd.DataFrame) -> pd.DataFrame:
        """One row a violation."""
        block, (rows, places, excess) = self.block, self._violated
        return (
            labels.iloc[rows]
            .reset_index(drop=True)
            .assign(
                row=rows,
                kind=block.kind,
                element=block.element,
                index=block.values.columns.to_numpy()[places].astype(int),
                value=block.values.to_numpy(dtype=float)[rows, places],
                limit=block.limit[places],
                excess=excess,
                unit=block.unit,
            )
        )


def _nearest(found: Sequence[_Extremes], labels: pd.Index, base_mva: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Limit with the smallest relative margin of every state, rows without one are NaN; and that margin."""
    columns = ["limit_kind", "limit_element", "limit_index", "limit_value", "limit", "limit_unit"]
    least = np.full(len(labels), np.inf)
    table = {name: np.full(len(labels), np.nan, dtype=object) for name in columns}
    for one in found:
        block = one.block
        margin = -one.scaled / (1.0 if block.unit in ("pu", "%") else max(base_mva, 1.0))
        rows = np.flatnonzero(margin < least)
        least[rows], places = margin[rows], one.place[rows]
        if len(rows):
            index, values = block.values.columns.to_numpy(), block.values.to_numpy(dtype=float)
            told = (block.kind, block.element, index[places], values[rows, places], block.limit[places], block.unit)
            for name, column in zip(columns, told, strict=True):
                table[name][rows] = column
    frame = pd.DataFrame(table, index=labels)
    numbers = dict.fromkeys(("limit_index", "limit_value", "limit"), float)
    return frame.astype(numbers if np.isinf(least).any() else {**numbers, "limit_index": int}), least


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def stacked(parts: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Put tables one below the other; pandas minds empty ones."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True)[columns] if filled else pd.DataFrame(columns=columns)
