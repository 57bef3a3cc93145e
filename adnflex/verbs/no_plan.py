"""Why there is no plan: limits that nothing can meet, in which period, where and by how much, or which budget works."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.errors import Infeasible, TimeExpired
from adnflex.grid import Grid, switch_table
from adnflex.grid.topology import closed_of
from adnflex.grid.write import one_state
from adnflex.knobs import Effort, Limits, Switching
from adnflex.powerflow import compare, limits_of, measure
from adnflex.problems.clock import Deadline
from adnflex.problems.dispatch.reasons import unit_suspects
from adnflex.problems.multi_period.all_sequences import AllSequences, least_violations
from adnflex.problems.multi_period.reading import PeriodStudy
from adnflex.problems.multi_period.solve import SearchedPeriods
from adnflex.problems.reconfiguration.answer import SearchedTopology
from adnflex.problems.reconfiguration.describe import budget_sentence, violation_sentence

Open = frozenset[int]

# Seconds for which the smallest budget that works is looked for.
_SECONDS = 20.0


def _budget_words(answer: SearchedPeriods, switching: Switching) -> str | None:
    """Say that a budget is too small, and which is not; None where no budget is known that is enough."""
    search, clock = answer.search, Deadline(_SECONDS)
    every = answer.runs if isinstance(answer.runs, AllSequences) else None
    if every is None or every.budget is not None:
        every = AllSequences.of(search, Effort(workers=1), clock, whole=True)
    need = None if every is None else every.fewest(clock)
    if need is not None:
        told = f"the smallest number that does is {need} (proven)"
    elif (need := search.fewest_operations()) is not None:
        told = f"the smallest number found that does is {need}"
    if need is None:
        return None
    words = "proven" if answer.status == "infeasible" else "not proven"
    return (
        f"no switch states that keep every limit in every period have at most {switching.max_operations} operations "
        f"({words}); {told}"
    )


def no_plan(
    net: pandapowerNet, study: PeriodStudy, answer: SearchedPeriods, switching: Switching, limits: Limits
) -> Infeasible | TimeExpired:
    """Say what is proven where there is no answer, and in which periods and where limits break whatever is switched."""
    proven = answer.status == "infeasible"
    least, states, looked_at = _least_by_point(study, answer)
    hard = np.flatnonzero(least > 0)
    if not proven and not answer.search.valued() and (not looked_at.startswith("of all") or not len(hard)):
        return TimeExpired("the time was over before any switch states were run in every period; give more time_limit.")
    if len(hard):
        worst = int(hard[np.argmax(least[hard])])
        words, beyond, broken = "proven" if proven else "not proven", "power flow has no solution", _Broken("")
        if np.isfinite(least[worst]):
            broken = _where(net, study, limits, states[worst], worst)
            beyond = f"limits are exceeded by {least[worst]:.4g} in all (pu, and share of the rating){broken.words}"
        elif proven:
            words = "by exact power flow"
        return Infeasible(
            f"no radial switch states keep every limit in every period ({words}); {looked_at} none does in "
            f"{len(hard)} of {len(least)} periods, worst in {_named(study, worst)}, where {beyond}; "
            f"relax limits there, leave these periods out, or give limits='soft'.",
            broken.table,
            proven,
            broken.switches,
        )
    if switching.max_operations is not None and (told := _budget_words(answer, switching)) is not None:
        return Infeasible(f"{told}; give a larger max_operations, or start='free'.", None, proven)
    return _no_window(net, study, answer, limits)


def _no_window(net: pandapowerNet, study: PeriodStudy, answer: SearchedPeriods, limits: Limits) -> Infeasible:
    """Say that every period has states that keep its limits, and no window has."""
    state, proven = answer.least_violating, answer.status == "infeasible"
    found = None if state is None else answer.search.exact(state)
    place, broken = "", _Broken("")
    if state is not None and found is not None:
        t = int(np.argmax(found.violation))
        broken = _where(net, study, limits, state, t)
        place = (
            f"; the least violating one found breaks limits in {int((found.violation > 0).sum())} of "
            f"{len(found.violation)} periods, worst in {_named(study, t)} by {found.violation[t]:.4g}{broken.words}"
        )
    words = "proven" if proven else "not proven"
    return Infeasible(
        f"no switch states keep every limit throughout a window ({words}), though each period has some that keep its "
        f"own{place}; give shorter windows, relax limits, or give limits='soft'.",
        broken.table,
        proven,
        broken.switches,
    )


def _least_by_point(study: PeriodStudy, answer: SearchedPeriods) -> tuple[FloatArray, list[Open], str]:
    """Least violation at every point, a state that has it, and which states were looked at."""
    every = least_violations(study.points, answer.search.required)
    if every is not None:
        return every.sums, every.states, f"of all {every.number:,} radial states"
    seen = answer.search.valued()
    if not seen:
        return np.full(len(study.points), np.inf), [], "of those that were seen"
    table = np.stack([found.violation for _, found in seen])
    return table.min(axis=0), [seen[k][0] for k in table.argmin(axis=0).tolist()], "of those that were seen"


def _named(study: PeriodStudy, t: int) -> str:
    """Name a period as the caller does."""
    return study.names[t] if study.names else f"period {study.axis.rows[t]}"


@dataclass(frozen=True)
class _Broken:
    """What a state breaks in a period: in words, as a table, and its switch states."""

    words: str
    table: pd.DataFrame | None = None
    switches: pd.DataFrame | None = None


def _where(net: pandapowerNet, study: PeriodStudy, limits: Limits, state: Open, t: int) -> _Broken:
    """Say at which element a limit breaks most in a period with some states; all of them as a table, by power flow."""
    switches = switch_table(study.grid, closed_of(study.grid, state).tolist())
    found = measure(net, study.setpoints.iloc[[t]], switches)
    if not found.converged.all():
        return _Broken("", None, switches)
    table = compare(found, limits_of(net, limits)).violations
    if table.empty:
        return _Broken("", None, switches)
    v = table.iloc[0]
    said = f"{v['kind']} at {v['element']} {v['index']}: {v['value']:.5g} against {v['limit']:.5g} {v['unit']}"
    return _Broken(f", most by {said}", table, switches)


def infeasible(
    net: pandapowerNet,
    grid: Grid,
    answer: SearchedTopology,
    limits: Limits,
    most: int | None,
    fewest: SearchedTopology | None = None,
) -> Infeasible:
    """Say which limits the least violating topology breaks, measured in AC on the pushed-back net.

    `fewest` is the answer to how few operations are enough, where a budget is what cannot be met.
    """
    if answer.least_violating is None:
        p, q = grid.p.sum() * grid.base_mva, grid.q.sum() * grid.base_mva
        return Infeasible(
            f"no radial switch state that was tried has a power flow solution: the loads, {p:.4g} MW and {q:.4g} Mvar "
            f"in all, may be more than the lines can carry; "
            f"{'; '.join(unit_suspects(net, grid)) or 'check units and scaling'}.",
            None,
            False,
        )
    switches = switch_table(grid, answer.least_violating.closed.tolist())
    least = measure(net, one_state(), switches)
    table = compare(least, limits_of(net, limits)).violations if least.converged.all() else None
    proven = answer.status == "infeasible"
    if most is not None and (budget := budget_sentence(grid, most, proven, fewest)):
        return Infeasible(budget, table, proven, switches)
    sentence = violation_sentence(table, proven)
    if most is not None and (fewest is None or fewest.status != "infeasible"):
        sentence = f"{sentence.rstrip('.')}; with max_operations={most}."
    return Infeasible(sentence, table, proven, switches)
