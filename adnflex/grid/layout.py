"""Where each bus is drawn: the net's own map where it has one, a tidy tree of the plan where it has none."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from adnflex.arrays import FloatArray, IntArray
from adnflex.grid.drawn_forest import grow
from adnflex.grid.switch_tables import decided
from adnflex.grid.tidy_tree import place

if TYPE_CHECKING:
    from pandapower import pandapowerNet


#: A map is used where at least this share of the buses has a place on it.
_MAPPED_SHARE = 0.8
#: ... and where they stand in at least this share of different places.
_DISTINCT_SHARE = 0.5
_KM_PER_DEGREE = 111.32
#: Tables that join two buses, with their bus columns; a three-winding transformer is drawn as two branches.
_TWO_ENDED = {
    "line": [("from_bus", "to_bus")],
    "trafo": [("hv_bus", "lv_bus")],
    "trafo3w": [("hv_bus", "mv_bus"), ("hv_bus", "lv_bus")],
    "impedance": [("from_bus", "to_bus")],
}
_SWITCH_TYPE = {"line": "l", "trafo": "t", "trafo3w": "t3"}
_TOPOLOGY_COLUMNS = [
    "element", "index", "name", "from_bus", "to_bus",
    "closed_before", "closed_after", "switchable", "length_km",
]  # fmt: skip


def drawing_tables(net: pandapowerNet, switches: pd.DataFrame | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the tables from which a plan is drawn: `Plan.topology` and `Plan.coordinates`.

    Buses keep their places from ``net.bus.geo`` (GeoJSON points) where nearly all have one; a few missing
    ones are put between their neighbours. Degrees become kilometres. Without a map the buses are laid out as
    a tree of the state after the plan. Buses that a fixed closed bus-bus switch joins share one place, others
    never do.

    Parameters
    ----------
    net : pandapowerNet
        The net as it stands before the plan. It is not changed.
    switches : pandas.DataFrame, optional
        `Plan.switches`; without it both states are the net's own.

    Returns
    -------
    topology, coordinates : pandas.DataFrame
        As described at `adnflex.Plan`. Elements out of service are left out unless they may be switched.

    Examples
    --------
    >>> import pandapower.networks
    >>> topology, coordinates = drawing_tables(pandapower.networks.case4gs())
    >>> len(topology), sorted(coordinates["origin"].unique())
    (4, ['geo'])
    >>> coordinates.loc[0, "kind"]
    'root'
    """
    topology = _topology(net, switches)
    coordinates = _buses(net)
    drawn = topology["from_bus"].isin(coordinates.index) & topology["to_bus"].isin(coordinates.index)
    topology = topology[drawn].reset_index(drop=True)
    group = _fused(topology, coordinates.index)
    xy, origin = _map(net, coordinates.index)
    if _usable(xy):
        xy, origin = _fill(xy, origin, topology, coordinates.index)
        xy = _apart(_kilometres(xy, topology, coordinates.index), group, topology, coordinates.index)
    else:
        xy, origin = _tree(topology, coordinates, group), np.full(len(coordinates), "tree", dtype=object)
    coordinates.insert(0, "x", xy[:, 0])
    coordinates.insert(1, "y", xy[:, 1])
    coordinates["origin"] = origin
    return topology, coordinates


# Tables of what is drawn ------------------------------------------------------------------------------------


def _topology(net: pandapowerNet, switches: pd.DataFrame | None) -> pd.DataFrame:
    """One row a branch, with its state before and after."""
    planned = {} if switches is None else {
        (str(s.element), int(s.index_)): (bool(s.closed_before), bool(s.closed_after))
        for s in switches.rename(columns={"index": "index_"}).itertuples(index=False)
    }  # fmt: skip
    # a dispatch without switching has an empty table, without columns
    free = (
        set()
        if switches is None or switches.empty
        else set(zip(*(decided(switches)[c] for c in ("element", "index")), strict=True))
    )
    rows = []
    for element, index, name, ends, closed, in_service, length in _branches(net):
        states = planned.get((element, index))
        if states is None and not in_service:
            continue
        before, after = states or (closed, closed)
        rows.append((element, index, name, *ends, before, after, (element, index) in free, length))
    table = pd.DataFrame(rows, columns=_TOPOLOGY_COLUMNS)
    types = {"index": "int64", "from_bus": "int64", "to_bus": "int64", "length_km": "float64"}
    return table.astype(types | dict.fromkeys(("closed_before", "closed_after", "switchable"), "bool"))


def _branches(net: pandapowerNet) -> list[tuple[Any, ...]]:
    """Element, index, name, buses, closed, in service and length [km] of all that joins two buses."""
    found: list[tuple[Any, ...]] = []
    for element, columns in _TWO_ENDED.items():
        table = net[element]
        opened = _opened(net, _SWITCH_TYPE.get(element))
        if not len(table):
            continue
        on = table["in_service"].astype(bool).tolist()
        names = [_name(name) for name in table["name"]] if "name" in table else [""] * len(table)
        lengths = table["length_km"].astype(float).tolist() if "length_km" in table else [math.nan] * len(table)
        pairs = [list(zip(table[a].tolist(), table[b].tolist(), strict=True)) for a, b in columns]
        for row, index in enumerate(table.index.tolist()):
            closed = on[row] and index not in opened
            found += [(element, index, names[row], pair[row], closed, on[row], lengths[row]) for pair in pairs]
    couplers = net.switch[net.switch["et"] == "b"] if len(net.switch) else net.switch
    for row in couplers.reset_index(names="index_").to_dict("records"):
        ends = (int(row["bus"]), int(row["element"]))
        name = _name(row.get("name"))
        found.append(("switch", int(row["index_"]), name, ends, bool(row["closed"]), True, math.nan))
    return found


def _opened(net: pandapowerNet, kind: str | None) -> set[int]:
    """Elements that a switch of this kind disconnects at one of their ends."""
    if kind is None or not len(net.switch):
        return set()
    rows = net.switch[(net.switch["et"] == kind) & ~net.switch["closed"].astype(bool)]
    return set(rows["element"].astype(int))


def _buses(net: pandapowerNet) -> pd.DataFrame:
    """Buses in service: name, voltage level, whether they are a root, and what they draw."""
    bus = net.bus[net.bus["in_service"].astype(bool)]
    roots = set(net.ext_grid.loc[net.ext_grid["in_service"].astype(bool), "bus"])
    if "slack" in net.gen:
        roots |= set(net.gen.loc[net.gen["slack"].astype(bool) & net.gen["in_service"].astype(bool), "bus"])
    return pd.DataFrame(
        {
            "name": [_name(n) for n in bus["name"]] if "name" in bus else "",
            "vn_kv": bus["vn_kv"].astype(float),
            "kind": ["root" if b in roots else "bus" for b in bus.index],
            "p_mw": _net_load(net).reindex(bus.index, fill_value=0.0),
        },
        index=pd.Index(bus.index.astype("int64"), name="bus"),
    )


def _net_load(net: pandapowerNet) -> pd.Series:
    """Active power that each bus draws [MW], generation negative."""
    parts = []
    for element, sign in (("load", 1.0), ("storage", 1.0), ("sgen", -1.0), ("gen", -1.0)):
        table = net[element]
        scaling = table.get("scaling", 1.0)
        power = sign * table["p_mw"] * scaling * table["in_service"].astype(bool)
        if len(table):
            parts.append(power.astype(float).groupby(table["bus"]).sum())
    return pd.concat(parts).groupby(level=0).sum() if parts else pd.Series(dtype=float)


def _name(value: object) -> str:
    """Name as text; an absent one is empty."""
    return "" if value is None or value != value else str(value)


def _fused(topology: pd.DataFrame, buses: pd.Index) -> IntArray:
    """Group of each bus: buses that fixed closed bus-bus switches join are one group."""
    switch = (topology["element"] == "switch") & ~topology["switchable"] & topology["closed_after"]
    a, b = _ends(topology[switch], buses)
    graph = csr_matrix((np.ones(len(a)), (a, b)), shape=(len(buses), len(buses)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _ends(topology: pd.DataFrame, buses: pd.Index) -> tuple[IntArray, IntArray]:
    """Positions of both buses of each branch."""
    return buses.get_indexer(topology["from_bus"]), buses.get_indexer(topology["to_bus"])


# The net's own map ------------------------------------------------------------------------------------------


def _map(net: pandapowerNet, buses: pd.Index) -> tuple[FloatArray, Any]:
    """Coordinates as the net gives them, NaN where it gives none."""
    values = net.bus["geo"] if "geo" in net.bus else pd.Series(index=net.bus.index, dtype=object)
    xy = np.array(_points(values.reindex(buses).tolist()), dtype=float).reshape(len(buses), 2)
    return xy, np.where(np.isnan(xy[:, 0]), "interpolated", "geo").astype(object)


def _points(geo: list[object]) -> list[tuple[float, float]]:
    """Read GeoJSON points, all at once where each text is one."""
    try:
        together = json.loads(f"[{','.join(geo)}]")  # type: ignore[arg-type]
        read = together if len(together) == len(geo) else geo
    except (ValueError, TypeError):
        read = geo
    return [_point(text) for text in read]


def _point(geo: object) -> tuple[float, float]:
    """Read one GeoJSON point, a text or what it says; (NaN, NaN) where there is none."""
    try:
        x, y = (json.loads(geo) if isinstance(geo, str) else geo)["coordinates"][:2]  # type: ignore[index]
        point = float(x), float(y)
    except (ValueError, KeyError, TypeError, IndexError):
        return math.nan, math.nan
    return point if all(math.isfinite(c) for c in point) else (math.nan, math.nan)


def _usable(xy: FloatArray) -> bool:
    """Whether the map covers the net and does not heap the buses on a few places."""
    known = ~np.isnan(xy[:, 0])
    if not len(xy) or known.mean() < _MAPPED_SHARE:
        return False
    return bool(len(np.unique(xy[known], axis=0)) >= _DISTINCT_SHARE * known.sum())


def _fill(xy: FloatArray, origin: Any, topology: pd.DataFrame, buses: pd.Index) -> tuple[FloatArray, Any]:
    """Put the few buses without a place between their neighbours: each in the mean of those around it."""
    missing = np.isnan(xy[:, 0])
    if not missing.any():
        return xy, origin
    a, b = _ends(topology, buses)
    a, b = np.concatenate([a, b]), np.concatenate([b, a])
    degree = np.maximum(np.bincount(a, minlength=len(xy)), 1)
    start = np.nanmean(xy, axis=0)
    xy = np.where(missing[:, None], start, xy)
    # Gauss-Jacobi sweeps of the mean; the few chains of missing buses are short, so it settles quickly.
    for _ in range(200):
        mean = np.column_stack([np.bincount(a, weights=xy[b, k], minlength=len(xy)) for k in (0, 1)])
        moved = np.where((missing & (degree > 0))[:, None], mean / degree[:, None], xy)
        if np.allclose(moved, xy, rtol=0, atol=1e-9):
            break
        xy = moved
    return xy, origin


def _kilometres(xy: FloatArray, topology: pd.DataFrame, buses: pd.Index) -> FloatArray:
    """Turn longitude and latitude into kilometres; a schematic map is left as it is.

    Degrees are recognised by the lines: their lengths have to agree with the distances on the globe.
    """
    if np.any(np.abs(xy[:, 0]) > 180) or np.any(np.abs(xy[:, 1]) > 90):
        return xy
    centre = xy.mean(axis=0)
    scale = np.array([math.cos(math.radians(centre[1])), 1.0]) * _KM_PER_DEGREE
    flat = (xy - centre) * scale
    a, b = _ends(topology, buses)
    distance = np.hypot(*(flat[a] - flat[b]).T)
    length = topology["length_km"].to_numpy(dtype=float)
    both = (distance > 1e-6) & (length > 0)
    if not both.any() or not 0.5 < np.median(length[both] / distance[both]) < 5:
        return xy
    return np.asarray(flat, dtype=np.float64)


def _apart(xy: FloatArray, group: IntArray, topology: pd.DataFrame, buses: pd.Index) -> FloatArray:
    """Fused buses stand in one place; others that share a place are set on a small ring round it."""
    first = np.unique(group, return_index=True)[1]
    places = xy[first]
    a, b = _ends(topology, buses)
    distance = np.hypot(*(xy[a] - xy[b]).T)
    typical = float(np.median(distance[distance > 0])) if (distance > 0).any() else 1.0
    keys = np.round(places / (1e-6 * typical)).astype(np.int64)
    _, spot = np.unique(keys, axis=0, return_inverse=True)
    spot = spot.ravel()
    for shared in np.flatnonzero(np.bincount(spot) > 1):
        members = np.flatnonzero(spot == shared)
        angle = 2 * np.pi * np.arange(len(members)) / len(members) + 0.4
        ring = 0.2 * typical * max(1.0, len(members) / 6)
        places[members] += ring * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.asarray(places[group])


# The tree ---------------------------------------------------------------------------------------------------


def _tree(topology: pd.DataFrame, coordinates: pd.DataFrame, group: IntArray) -> FloatArray:
    """Tidy tree of the state after the plan; fused buses are one node of it."""
    if not len(coordinates):
        return np.zeros((0, 2))
    a, b = _ends(topology[topology["closed_after"]], coordinates.index)
    edges = [(int(group[i]), int(group[j])) for i, j in zip(a, b, strict=True) if group[i] != group[j]]
    roots = list(dict.fromkeys(group[(coordinates["kind"] == "root").to_numpy()].tolist()))
    x, y = place(grow(int(group.max()) + 1, edges, roots))
    return np.column_stack([x[group], y[group]])
