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

__all__ = ["LIMIT_COLUMNS", "VIOLATION_COLUMNS", "Compared", "NetLimits", "compare", "limits_of", "stacked"]

VIOLATION_COLUMNS = ["kind", "element", "index", "value", "limit", "excess", "unit"]
LIMIT_COLUMNS = ["kind", "checked", "element", "index", "value", "limit", "margin", "unit"]

_OWN = Limits()

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

    @property
    def excess(self) -> np.ndarray:
        """How far beyond the limit; -inf where there is no value or no limit."""
        beyond = self.sign * (self.values.to_numpy(dtype=float) - self.limit)
        return np.where(np.isnan(beyond), -np.inf, beyond)


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
    worst = [row for block in blocks if (row := _worst(block, labels)) is not None]
    bad = stacked([_violated(block, labels) for block in blocks], ["row", *names, *VIOLATION_COLUMNS])
    if len(bad):
        bad = bad.assign(share=-(bad["excess"] / bad["limit"].abs().clip(lower=1e-9)).astype(float))
        bad = bad.sort_values(["row", "share"], kind="stable").reset_index(drop=True)
    table = pd.DataFrame(worst, columns=[*LIMIT_COLUMNS[:2], *names, *LIMIT_COLUMNS[2:]])
    nearest, margin = _nearest(blocks, measured.labels, max(base_mva, 1.0))
    return Compared(table, bad[[*names, *VIOLATION_COLUMNS]], nearest, margin)


def _blocks(measured: Measured, limits: NetLimits) -> Iterator[_Block]:
    vm = measured.vm_pu.drop(columns=list(limits.roots), errors="ignore")
    for kind, column, sign in (("voltage low", "vm_min_pu", -1.0), ("voltage high", "vm_max_pu", 1.0)):
        most = limits.voltage[column].reindex(vm.columns).to_numpy(dtype=float)
        yield _Block(kind, "bus", vm, most, sign, "pu", _TOLERANCE["pu"])
    for element in ("line", "trafo"):
        if len(limits.loading_percent) and element in limits.loading_percent.index.get_level_values(0):
            loading, rating = measured.loading_percent[element], limits.loading_percent[element]
            most = rating.reindex(loading.columns).to_numpy(dtype=float)
            yield _Block("loading", element, loading, most, 1.0, "%", _TOLERANCE["%"])
    for (table, index), limit in limits.sources.iterrows():
        for name, column, unit in (("", "p_mw", "MW"), ("reactive ", "q_mvar", "Mvar")):
            values = measured.sources[[(table, index, column)]].set_axis([index], axis=1)
            for side, end, sign in (("low", "min", -1.0), ("high", "max", 1.0)):
                most = np.array([float(limit[f"{end}_{column}"])])
                if np.isfinite(most).all():
                    yield _Block(f"{name}import {side}", table, values, most, sign, unit, limits.source_tolerance)


def _worst(block: _Block, labels: pd.DataFrame) -> tuple[Any, ...] | None:
    """Worst place and state of a kind of limit."""
    excess = block.excess
    checked = int(np.isfinite(excess).sum())
    if not checked:
        return None
    row, place = np.unravel_index(int(excess.argmax()), excess.shape)
    value, limit = float(block.values.iat[row, place]), float(block.limit[place])
    where = [_plain(v) for v in labels.iloc[row]]
    index = int(block.values.columns[place])
    return (block.kind, checked, *where, block.element, index, value, limit, -float(excess[row, place]), block.unit)


def _violated(block: _Block, labels: pd.DataFrame) -> pd.DataFrame:
    excess = block.excess
    rows, places = np.nonzero(excess > block.tolerance)
    found = labels.iloc[rows].reset_index(drop=True)
    return found.assign(
        row=rows,
        kind=block.kind,
        element=block.element,
        index=block.values.columns.to_numpy()[places].astype(int),
        value=block.values.to_numpy(dtype=float)[rows, places],
        limit=block.limit[places],
        excess=excess[rows, places],
        unit=block.unit,
    )


def _nearest(blocks: Sequence[_Block], labels: pd.Index, base_mva: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Limit with the smallest relative margin of every state, rows without one are NaN; and that margin."""
    least = np.full(len(labels), np.inf)
    rows: list[dict[str, Any]] = [{} for _ in range(len(labels))]
    for block in blocks:
        scale = {"pu": 1.0, "%": 100.0}.get(block.unit, base_mva)
        excess = block.excess / scale
        if not excess.shape[1]:
            continue
        places = excess.argmax(axis=1)
        margin = -excess[np.arange(len(labels)), places]
        for k in np.flatnonzero(margin < least).tolist():
            least[k] = margin[k]
            value, place = float(block.values.iat[k, places[k]]), int(block.values.columns[places[k]])
            rows[k] = {"limit_kind": block.kind, "limit_element": block.element, "limit_index": place}
            rows[k] |= {"limit_value": value, "limit": float(block.limit[places[k]]), "limit_unit": block.unit}
    columns = ["limit_kind", "limit_element", "limit_index", "limit_value", "limit", "limit_unit"]
    return pd.DataFrame(rows, index=labels, columns=columns), least


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def stacked(parts: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Put tables one below the other; pandas minds empty ones."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True)[columns] if filled else pd.DataFrame(columns=columns)
