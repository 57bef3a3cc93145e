"""What the results on outages hold: buses, limits, actions, proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import BoolArray
from adnflex.grid.loads import gross_load
from adnflex.grid.model import Grid
from adnflex.powerflow.limits import VIOLATION_COLUMNS
from adnflex.problems.restoration.flows import TOLERANCE, Ceiling, terminal_of
from adnflex.problems.restoration.islands import ISLAND_COLUMNS, UNITS, WithIslands, island_table
from adnflex.problems.restoration.outage import Outage
from adnflex.problems.restoration.search import Candidate, RestorationSearch
from adnflex.problems.restoration.study import RestorationStudy, Restored

# What a bound may exceed what it is of, for a proof; relative.
GAP = 1e-4

# Loads [MW] that are none.
_NOTHING = 1e-9


def actions(found: Restored, answer: Candidate | None) -> str:
    """Say what an answer does: openings, then closings."""
    if answer is None:
        return ""
    words = [f"{done_to(d.element, close)} {d.element} {d.index}" for d, close in found.named(answer)]
    return ", ".join(words)


def done_to(element: str, close: bool) -> str:
    """Say what is done: a unit is started, a branch closed or opened."""
    return "start" if element in UNITS else "close" if close else "open"


def islands_of(found: Restored) -> pd.DataFrame:
    """Return `Restoration.islands`."""
    answer = found.chosen
    if found.search is None or answer is None or found.grid is None:
        return pd.DataFrame(columns=ISLAND_COLUMNS)
    return island_table(found.search.flows.ceiling.starts, found.grid, answer.state.states)


def bus_table(study: RestorationStudy, found: Restored) -> pd.DataFrame:
    """Return `Restoration.buses`: one row a bus that the outage makes dark."""
    dark = np.flatnonzero(found.dark)
    load, worth = study.load_mw[dark], study.worth[dark]
    return pd.DataFrame(
        {
            "load_mw": load,
            "priority": np.divide(worth, load, out=np.ones(len(dark)), where=load != 0),
            "restored": found.back[dark],
            "why": [_why(study, found, k) for k in dark.tolist()],
        },
        index=pd.Index(study.buses[dark], name="bus"),
    )


def _why(study: RestorationStudy, found: Restored, k: int) -> str:
    """Say why a dark bus stays so."""
    if found.back[k]:
        return ""
    if int(study.buses[k]) in found.outage.buses:
        return "fault"
    if not found.reachable[k]:
        return "no tie"
    search = found.search
    return "limits" if search is not None and (search.beyond is not None or search.best is None) else "operations"


def broken(study: RestorationStudy, found: Restored, answer: Candidate | None) -> pd.DataFrame:
    """List the limits that an answer breaks, the worst first; columns as `VIOLATION_COLUMNS`, and ``actions``."""
    columns = [*VIOLATION_COLUMNS, "actions"]
    if answer is None or found.grid is None or not np.isfinite(answer.state.excess[0]):
        return pd.DataFrame(columns=columns)
    grid, ceiling = found.grid, Ceiling.of(found.grid, study.before, study.units)
    rows = [
        *_voltages(grid, ceiling, answer),
        *_loadings(study, grid, ceiling, answer),
        *_powers(grid, ceiling, answer),
    ]
    rows.sort(key=lambda row: -row[0])
    words = actions(found, answer) or "no operation"
    return pd.DataFrame([[*row[1:], words] for row in rows], columns=columns)


def _voltages(grid: Grid, ceiling: Ceiling, answer: Candidate) -> list[tuple[Any, ...]]:
    vm, lit = np.sqrt(answer.state.states.v[0]), answer.state.lit[0]
    rows: list[tuple[Any, ...]] = []
    for kind, limit, sign in (("voltage low", ceiling.vm_min, -1.0), ("voltage high", ceiling.vm_max, 1.0)):
        excess = sign * (vm - limit)
        for node in np.flatnonzero(lit & (excess > TOLERANCE)).tolist():
            bus = grid.buses[node][0] if grid.buses[node] else -1
            values = float(vm[node]), float(limit[node]), float(excess[node])
            rows.append((float(excess[node]), kind, "bus", bus, *values, "pu"))
    return rows


def _loadings(study: RestorationStudy, grid: Grid, ceiling: Ceiling, answer: Candidate) -> list[tuple[Any, ...]]:
    loading = answer.state.states.loadings(grid)[0]
    rows: dict[tuple[str, int], tuple[Any, ...]] = {}
    for r in np.flatnonzero(loading > ceiling.loading + TOLERANCE).tolist():
        element, index, _ = terminal_of(grid, r)
        percent = study.percent(element, index)
        values = float(loading[r]) * percent, float(ceiling.loading[r]) * percent
        excess = float(loading[r] - ceiling.loading[r])
        row = (excess, "loading", element, index, *values, values[0] - values[1], "%")
        if (element, index) not in rows or rows[element, index][0] < excess:
            rows[element, index] = row
    return list(rows.values())


def _powers(grid: Grid, ceiling: Ceiling, answer: Candidate) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for start in ceiling.starts:
        if answer.state.states.closed[0, start.branch]:
            p, q = (float(power[0]) for power in start.power(grid, answer.state.states))
            unit = start.unit
            for kind, *values, of in unit.broken(p, q, TOLERANCE):
                rows.append((values[2] / unit.scale, kind, unit.table, unit.index, *values, of))
    return rows


def limiting(study: RestorationStudy, found: Restored) -> pd.DataFrame:
    """Return `Restoration.limiting`: what is broken by the set worth most among those worth more than the best."""
    search = found.search
    if search is None:
        return broken(study, found, None)
    return broken(study, found, search.beyond if search.best is not None else search.nearest)


def extremes(study: RestorationStudy, found: Restored, answer: Candidate | None) -> dict[str, float]:
    """Lowest and highest voltage [pu], highest loading of what is rated [%] and losses [kW] by the exact kernel."""
    if answer is None or found.grid is None or not np.isfinite(answer.loss):
        return dict.fromkeys(("vm_min_pu", "vm_max_pu", "loading_percent", "losses_kw", "margin"), float("nan"))
    states, lit = answer.state.states, answer.state.lit[0]
    vm = np.sqrt(states.v[0][lit & np.array([bool(b) for b in found.grid.buses])])
    loading = states.loadings(found.grid)[0]
    percent = [study.percent(*terminal_of(found.grid, r)[:2]) for r in range(len(loading))]
    return {
        "vm_min_pu": float(vm.min()),
        "vm_max_pu": float(vm.max()),
        "loading_percent": float((loading * percent).max()) if len(loading) else float("nan"),
        "losses_kw": answer.loss * found.grid.base_mva * 1e3,
        "margin": -float(answer.state.excess[0]),
    }


def by_operations(found: Restored, asked: int | None) -> pd.DataFrame:
    """Return `Restoration.by_operations`."""
    search = found.search
    answers = [None] if search is None else search.by_count
    most = len(answers) - 1 if asked is None else asked
    rows = []
    for count in range(most + 1):
        answer = answers[min(count, len(answers) - 1)]
        loss = answer.loss * found.grid.base_mva * 1e3 if answer is not None and found.grid is not None else np.nan
        worth = np.nan if answer is None else answer.worth
        rows.append((worth, actions(found, answer), loss))
    index = pd.RangeIndex(most + 1, name="operations")
    return pd.DataFrame(rows, index, ["restored", "actions", "losses_kw"])


def status_of(found: Restored) -> str:
    """Say how the search ended."""
    search = found.search
    if search is None or search.whole:
        return "optimal"
    if search.over or found.unseen:
        return "time_limit"
    if search.best is None and found.partial is None:
        return "infeasible"
    return "optimal" if found.bound <= found.worth + GAP * max(1.0, found.worth) else "unproven"


def proof_of(study: RestorationStudy, found: Restored) -> str:
    """Say what was proven, in one sentence."""
    search = found.search
    if search is None:
        return "no source is left, so that nothing can be restored"
    if not found.dark.any() and search.none.admissible:
        return "the outage leaves nobody without supply, and breaks no limit"
    ran = f"{search.flows.count} sets run in power flow"
    if search.over and not search.whole:
        return f"not proven: the time was over with all sets of at most {search.proven} operations decided ({ran})"
    if found.unseen:
        return f"not proven: the time was over before every position of the taps was tried ({ran})"
    if found.set_too and not search.whole and found.chosen is not None and found.chosen.admissible:
        more = f"restores more than {found.bound:.6g} MW"
        return f"no set of {_number(search)} operations {more}, with taps and loads as they may be set ({ran})"
    if search.best is None:
        least = broken(study, found, search.nearest)
        place = "none of them has a power flow solution" if not len(least) else _place(least)
        none = f"no set of {_number(search)} operations meets every limit, nor does none at all"
        return f"{none}; nearest: {place} ({ran})"
    if search.whole:
        if not search.best.operations:
            return "no number of operations restores more"
        return "all that any number of operations reaches is restored, and no smaller set does it"
    return f"no set of {_number(search)} operations restores more ({ran})"


def _number(search: RestorationSearch) -> str:
    """Say of how many operations all sets are decided."""
    return "any number of" if search.proven >= search.most else f"at most {search.proven}"


def _place(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    value = f"{row['value']:.5g} against {row['limit']:.5g} {row['unit']}"
    return f"{row['kind']} at {row['element']} {row['index']}: {value} after {row['actions']}"


def power(study: RestorationStudy, which: BoolArray) -> float:
    """Gross load of some buses [MW]."""
    return float(study.load_mw[which].sum())


def at_fault(study: RestorationStudy, outage: Outage) -> BoolArray:
    """Which buses cannot be parted from the fault."""
    return np.asarray(study.buses.isin(outage.buses))


def isolation(wider: WithIslands, outage: Outage, off: Sequence[int]) -> pd.DataFrame:
    """Return `Restoration.isolation`; `off`: generators that stay off."""
    held = [s for s in outage.held if s not in wider.units]
    rows = [("switch", "closed", s, *_of_switch(wider.net, s)) for s in held]
    rows += [(table, "in_service", i, "", "") for table, i in outage.services]
    rows += [("bus", "in_service", b, "", "") for b in outage.buses]
    rows += [("sgen", "in_service", i, "", "") for i in off]
    return pd.DataFrame(rows, columns=["table", "column", "index", "station", "of"])


def _of_switch(net: pandapowerNet, switch: int) -> tuple[str, str]:
    """Name the station of a switch, and what it is at."""
    row = net.switch.loc[switch]
    kind = {"l": "line", "t": "trafo", "b": "bus"}.get(str(row["et"]), "trafo3w")
    name = net.bus.at[int(row["bus"]), "name"] if "name" in net.bus else None
    station = f"bus {int(row['bus'])}" if name is None or pd.isna(name) or not str(name) else str(name)
    return station, f"{kind} {int(row['element'])}"


def left_out(study: RestorationStudy, found: Restored) -> pd.DataFrame:
    """Return `Restoration.curtailed`."""
    kept = {} if found.partial is None else found.partial.kept
    load = gross_load(study.net).loc[list(kept)]
    share = np.array([kept[int(i)] for i in load.index], dtype=float)
    gross = load["gross_mw"].to_numpy(dtype=float)
    columns = {"bus": load["bus"].to_numpy(dtype=int), "load_mw": gross, "left_out_mw": (1 - share) * gross}
    return pd.DataFrame(columns, index=pd.Index(load.index, name="load"))


def moved(study: RestorationStudy, found: Restored) -> pd.DataFrame:
    """Return `Restoration.moves`: taps, and the power of loads that come back in part."""
    rows = [(*key, study.net[key[0]].at[key[2], key[1]], value) for key, value in found.moves.items()]
    for i, share in ({} if found.partial is None else found.partial.kept).items():
        for column in ("p_mw", "q_mvar"):
            now = float(study.net.load.at[i, column])
            rows.append(("load", column, i, now, share * now))
    return pd.DataFrame(rows, columns=["table", "column", "index", "before", "after"])
