"""The circuit that OpenDSS holds after it was converted, beside the net that was made of it."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from pandapower.auxiliary import pandapowerNet

ROOT3 = math.sqrt(3.0)


def bus_of(token: str) -> str:
    """Return the bus of ``Bus.1.2``, in small letters as OpenDSS compares them.

    Examples
    --------
    >>> bus_of("B7.1.2.0")
    'b7'
    """
    return token.partition(".")[0].strip().lower()


def nodes_of(token: str, phases: int) -> tuple[int, ...]:
    """Return the phases of ``Bus.1.2`` without the neutral; all of them where none is named.

    Examples
    --------
    >>> nodes_of("b7.2.0", 1), nodes_of("b7", 3)
    ((2,), (1, 2, 3))
    """
    named = tuple(int(n) for n in token.split(".")[1:] if n.strip())
    return tuple(n for n in named if n) if named else tuple(range(1, phases + 1))


class Circuit:
    """OpenDSS's circuit and the net, joined by names.

    Parameters
    ----------
    net : pandapowerNet
        What pandapower's converter made; parts of this package change it.
    dss : module
        ``opendssdirect``, with the solved circuit active.
    """

    def __init__(self, net: pandapowerNet, dss: Any):
        self.net, self.dss = net, dss
        self.buses = {str(name).lower(): int(bus) for bus, name in net.bus["name"].items()}
        self.lines = int(net["opendss_import"]["n_lines"])
        self.enabled: list[str] = []
        self.disabled: list[str] = []
        for name in dss.Circuit.AllElementNames():
            dss.Circuit.SetActiveElement(name)
            (self.enabled if dss.CktElement.Enabled() else self.disabled).append(name)

    def of_kind(self, kind: str, *, enabled: bool = True) -> list[str]:
        """Return full names of the elements of one kind."""
        return [n for n in (self.enabled if enabled else self.disabled) if n.partition(".")[0].lower() == kind.lower()]

    def each(self, table: str, kind: str) -> Iterator[tuple[int, str]]:
        """Go through rows of a table that were made of one kind: index and name, with the element active."""
        known = {name.partition(".")[2].lower(): name for name in self.of_kind(kind)}
        rows = list(self.net[table]["name"].items())
        if table == "line":  # the converter writes lines first, and then reactors, which may have the same names
            rows = rows[: self.lines] if kind == "Line" else rows[self.lines :]
        for index, name in rows:
            full = known.get(str(name).lower())
            if full is not None:
                self.activate(full)
                yield int(index), full

    def activate(self, full: str) -> None:
        """Make an element the active one, of the circuit and of its kind."""
        kind, _, name = full.partition(".")
        collection = getattr(self.dss, f"{kind}s", None)
        if collection is not None:
            collection.Name(name)
        self.dss.Circuit.SetActiveElement(full)

    def voltages(self) -> dict[str, list[float]]:
        """Solved voltages of the phases by bus [pu]; buses without any are missing."""
        return {name: [abs(v) for v in found.values()] for name, found in self._solved.items()}

    def angle_between(self, bus: str, nodes: tuple[int, ...]) -> float:
        """Return the cosine of the angle between two phases of a bus as solved; -1/2 where that is not known."""
        found = self._solved.get(bus, {})
        if any(n not in found for n in nodes):
            return -0.5
        first, second = (found[n] for n in nodes)
        return math.cos(cmath.phase(first) - cmath.phase(second))

    @cached_property
    def _solved(self) -> dict[str, dict[int, complex]]:
        found = {}
        for name in self.dss.Circuit.AllBusNames():
            self.dss.Circuit.SetActiveBus(name)
            flat = np.asarray(self.dss.Bus.PuVoltage(), dtype=float)
            values = dict(zip(self.dss.Bus.Nodes(), flat[::2] + 1j * flat[1::2], strict=True))
            live = {int(n): complex(v) for n, v in values.items() if abs(v) > 1e-3}
            if live:
                found[name.lower()] = live
        return found

    def drop(self, table: str, rows: list[int]) -> None:
        """Take rows out of a table of the net."""
        self.net[table] = self.net[table].drop(index=rows)


def listed(names: pd.Series[Any] | list[str], most: int = 5) -> str:
    """Name some of many.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = [str(name) for name in names]
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest > 0 else "")
