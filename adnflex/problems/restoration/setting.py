"""What a restoration may set beside switches: positions of taps, and how much of some loads comes back.

Every position that the taps allow is tried, each with a search of its own, from the present one outwards. A load that
may come back in part is a variable of the model of the restoration, whose optimum bounds what any state in AC restores;
its switch states are run in exact power flow, and as little more is left out as keeps every limit there.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.formulations import FORMULATIONS
from adnflex.grid.loads import gross_load
from adnflex.grid.write import write
from adnflex.problems.clock import Deadline
from adnflex.problems.restoration.flows import Evaluated
from adnflex.problems.restoration.model import Share, build_restoration
from adnflex.problems.restoration.outage import Outage
from adnflex.problems.restoration.study import Partial, RestorationStudy, Restored
from adnflex.solvers.gate import solve_model

# Halvings of what is left out beside the model's answer; what an operation costs there, as a share of all that is dark.
_HALVINGS, _PRICE = 24, 1e-7

# Worth [MW] that is no difference, and what is left out of a load that is nothing.
_SAME, _WHOLE = 1e-6, 1e-6


class Settable(NamedTuple):
    """Transformers whose taps may move, and loads that may come back in part."""

    taps: Sequence[int] = ()
    loads: Sequence[int] = ()

    @property
    def choice(self) -> dict[str, list[int]]:
        """What may be set, as it is kept in a result."""
        return {"taps": list(self.taps), "curtailable": list(self.loads)}

    def require(self, study: RestorationStudy) -> None:
        """Refuse what cannot be set, by name."""
        net, faults = study.net, []
        for i in self.taps:
            row = net.trafo.loc[i] if i in net.trafo.index else None
            known = row is not None and all(np.isfinite(float(row.get(c, np.nan))) for c in ("tap_min", "tap_max"))
            if not known:
                faults.append(f"taps: trafo {i} has no tap_min and tap_max in net.trafo; give one that has.")
        constant = ("const_z_p_percent", "const_i_p_percent", "const_z_q_percent", "const_i_q_percent")
        for i in self.loads:
            if i not in net.load.index:
                faults.append(f"curtailable: load {i} is not in net.load; give existing indices.")
            elif any(float(net.load.at[i, c] or 0.0) for c in constant if c in net.load):
                faults.append(f"curtailable: load {i} depends on the voltage; give loads of constant power.")
        if faults:
            raise InputError(faults)


def restore_with(
    study: RestorationStudy, outage: Outage, most: int | None, clock: Deadline, setting: Settable
) -> Restored:
    """Find the best restoration of all positions of the taps, with loads that may come back in part.

    Parameters
    ----------
    study, outage, most
        See `RestorationStudy.restore`.
    clock : Deadline
        When the time is over.
    setting : Settable
        What may be set.
    """
    setting.require(study)
    best, unseen = None, 0.0
    for positions in _positions(study, setting.taps):
        if best is not None and (best.whole or best.search is None):
            break
        if best is not None and best.search is not None and clock.spent:
            unseen = best.search.supply.reached(best.search.most if most is None else most)
            break
        found = _at(study, positions).restore(outage, most, lambda: clock.spent)
        moves = {("trafo", "tap_pos", i): float(p) for i, p in positions.items()}
        found = dataclasses.replace(found, moves=moves)
        if setting.loads and not found.whole:
            found = _in_part(study, found, most, clock.left, setting.loads)
        if best is None or _rank(found) > _rank(best):
            best = dataclasses.replace(found, most=max(found.bound, 0.0 if best is None else best.bound))
        else:
            best = dataclasses.replace(best, most=max(found.bound, best.bound))
    assert best is not None
    may_set = bool(setting.taps or setting.loads)
    return dataclasses.replace(best, most=max(best.bound, unseen), unseen=bool(unseen), set_too=may_set)


def _rank(found: Restored) -> tuple[bool, float, int]:
    """Tell how good an answer is; of equal ones the first counts, with the taps moved least."""
    answer = found.chosen
    return (False, 0.0, 0) if answer is None else (answer.admissible, round(found.worth, 9), -answer.operations)


def _positions(study: RestorationStudy, taps: Sequence[int]) -> list[dict[int, int]]:
    """List the positions, by how far they are from the present ones; what stays is not named."""
    rows = study.net.trafo.loc[list(taps)]
    now = {int(i): round(float(row["tap_pos"])) for i, row in rows.iterrows()}
    each = [range(round(float(row["tap_min"])), round(float(row["tap_max"])) + 1) for _, row in rows.iterrows()]
    found = [dict(zip(now, chosen, strict=True)) for chosen in itertools.product(*each)]
    moved = [{i: p for i, p in one.items() if p != now[i]} for one in found]
    return sorted(moved, key=lambda one: (sum(abs(p - now[i]) for i, p in one.items()), sorted(one.items())))


def _at(study: RestorationStudy, positions: Mapping[int, int]) -> RestorationStudy:
    """Return the study at some positions; limits count as the net stands before the outage."""
    if not positions:
        return study
    moved = write(study.net, {("trafo", "tap_pos", i): float(p) for i, p in positions.items()})
    return study.moved(moved)


def _in_part(
    study: RestorationStudy, found: Restored, most: int | None, seconds: float, loads: Sequence[int]
) -> Restored:
    """Let loads come back in part; the same where that brings nothing."""
    assert found.search is not None
    supply, ceiling = found.search.supply, found.search.flows.ceiling
    table = gross_load(study.net)
    table = table.loc[table.index.intersection(loads)]
    dark = set(study.buses[found.dark & found.reachable].tolist())
    table = table[table["bus"].isin(dark) & (table["gross_mw"] > 0)]
    if table.empty:
        return found
    priority = table["priority"].astype(float).fillna(1.0) if "priority" in table else 1.0
    shares = {
        int(i): Share(supply.grid.node_of[int(bus)], complex(p, q * scaling) / supply.grid.base_mva, worth)
        for i, bus, p, q, scaling, worth in zip(
            table.index, table["bus"], table["gross_mw"], table["q_mvar"], table["scaling"],
            table["gross_mw"] * priority, strict=True,
        )
    }  # fmt: skip
    model = build_restoration(supply, ceiling, FORMULATIONS["distflow"], most, shares, _PRICE * supply.most)
    ending = solve_model(model, gap=1e-6, seconds=seconds)
    bound = max(found.bound, min(-ending.bound, supply.most))
    better = None if ending.x is None else _recovered(found, model, shares)
    if better is None or (found.search.best is not None and better.worth <= found.search.best.worth + _SAME):
        return dataclasses.replace(found, most=bound)
    lit = better.state.lit[0]
    return dataclasses.replace(
        found, partial=better, back=found.dark & study.of_nodes(supply.grid, lit), most=max(bound, better.worth)
    )


def _recovered(found: Restored, model: pyo.ConcreteModel, shares: Mapping[int, Share]) -> Partial | None:
    """Run the switch states of the model; leave out as little more as keeps every limit, None where nothing does."""
    assert found.search is not None
    flows, supply = found.search.flows, found.search.supply
    grid = supply.grid
    shut = np.array([model.z[k].value > 0.5 if k in model.z else True for k in range(grid.m)])
    on = np.array([model.lit[b].value > 0.5 if b in model.lit else True for b in range(len(supply.worth))])
    lit = on[supply.block]
    trees = flows.flows.grown((shut & lit[grid.f] & lit[grid.t])[None], True)
    if not trees.radial[0] or not (trees.lit[:, 0] == lit).all():
        return None
    least = np.array([model.cut[i].value if lit[share.node] else 0.0 for i, share in shares.items()])

    def run(more: float) -> tuple[FloatArray, Evaluated]:
        cut = np.clip(least + more * (1 - least), 0.0, 1.0)
        cut[cut < _WHOLE] = 0.0
        p, q = grid.p.copy(), grid.q.copy()
        for share, left_out in zip(shares.values(), cut, strict=True):
            p[share.node] -= left_out * share.power.real
            q[share.node] -= left_out * share.power.imag
        states = flows.flows.at(trees, p, q, grid.y).state
        return cut, Evaluated(states, lit[None], flows.ceiling.excess(grid, states, lit[None]))

    low, high = 0.0, 1.0
    cut, state = run(low)
    # within the limits themselves: a work sheet that says 100 % is not to say that a limit is broken
    if state.excess[0] > 0:
        cut, state = run(high)
        if not state.admissible[0]:
            return None
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            tried = run(middle)
            if tried[1].excess[0] <= 0:
                high, (cut, state) = middle, tried
            else:
                low = middle
    worth = float(supply.worth[on & (supply.part > 0)].sum())
    there = [(i, share, float(c)) for (i, share), c in zip(shares.items(), cut, strict=True) if lit[share.node]]
    worth -= sum(share.worth * c for _, share, c in there)
    closings = tuple(k for k in supply.open if shut[k])
    beside = lit[grid.f] | lit[grid.t]
    openings = tuple(np.flatnonzero(grid.switchable & grid.closed & ~shut & beside).tolist())
    kept = {i: 1 - c for i, _, c in there if c}
    return Partial(closings, openings, worth, state, kept)
