"""Places in the net by their labels: buses, branches and devices as the reader knows them."""

from __future__ import annotations

import pandas as pd

from adnflex.reporting.text import branch_label, dash

_WORDS = {"sgen": "generator", "gen": "generator", "shunt": "capacitor bank", "dcline": "soft open point"}


class Labels:
    """Names of everything that a result speaks of.

    Parameters
    ----------
    coordinates, topology : pandas.DataFrame
        Drawing tables, as in `adnflex.Plan`; empty ones give no names.
    devices : pandas.DataFrame, optional
        ``table``, ``index``, ``name``, and where there is one ``kind``, of devices.

    Examples
    --------
    >>> devices = pd.DataFrame({"table": ["storage"], "index": [0], "name": ["battery"], "kind": ["storage"]})
    >>> labels = Labels(pd.DataFrame({"name": ["", "Mill"]}), pd.DataFrame(), devices)
    >>> labels.of("bus", 1), labels.of("storage", 0.0), labels.of("sgen", 7), labels.of("net", None)
    ('bus 1 “Mill”', 'storage 0 “battery”', 'generator 7', '–')
    """

    def __init__(self, coordinates: pd.DataFrame, topology: pd.DataFrame, devices: pd.DataFrame | None = None) -> None:
        self._names: dict[tuple[str, int], object] = {}
        self._words: dict[tuple[str, int], str] = {}
        if devices is not None and len(devices):
            known = devices.reindex(columns=["table", "index", "name", "kind"])
            for table, index, name, kind in known.itertuples(index=False):
                self._names[str(table), int(index)] = name
                self._words[str(table), int(index)] = "reactive source" if kind == "reactive source" else ""
        if len(topology):
            rows = topology[["element", "index", "name"]].itertuples(index=False)
            self._names |= {(str(e), int(i)): name for e, i, name in rows if _told(name) or (e, i) not in self._names}
        if "name" in coordinates:
            self._names |= {("bus", int(bus)): name for bus, name in coordinates["name"].items()}

    def of(self, element: object, index: object) -> str:
        """Label of a place; a dash where there is none."""
        if index is None or index != index or element in {None, ""} or element != element:
            return dash
        try:
            key = str(element), int(float(str(index)))
        except ValueError:  # a quantity of the whole net has no place
            return dash
        word = self._words.get(key) or _WORDS.get(key[0], key[0])
        return branch_label(word, key[1], self._names.get(key, ""))

    def ends(self, a: int, b: int) -> str:
        """Both buses of a branch."""
        return f"{self.of('bus', a)} – {self.of('bus', b)}"


def _told(name: object) -> bool:
    return bool(name) and name == name
