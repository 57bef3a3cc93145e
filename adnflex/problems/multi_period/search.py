"""Good topologies for windows of operating points: branch exchange on means, exact cost, guards, sequences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from adnflex.algorithms.branch_exchange import ExchangeSearch, Score, branch_exchange, perturbed_search
from adnflex.algorithms.switching_sequence import SwitchingSequences
from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.grid.flow import RadialFlow
from adnflex.knobs import Switching
from adnflex.problems.multi_period.evaluation import Evaluation, Evaluator
from adnflex.problems.multi_period.points import Groups, Points
from adnflex.problems.multi_period.sequence import Sequence, distances, from_present, missed, windows_of
from adnflex.problems.reconfiguration.meshed import meshed_start

Open = frozenset[int]

# Exchanges that are evaluated before one is taken.
_BATCH = 20
# Restarts from the best topology of the whole horizon.
_RESTARTS = 20

# Windows of a run that has an exchange of its own; the whole horizon has one too.
_RUNS = (1, 2, 4, 8, 12)
# With more windows than this only single windows and the whole are searched.
_MANY_WINDOWS = 60

# States that a sequence may choose from, and different ones that are evaluated at every point.
_COLUMNS, _EXACT = 400, 60
# States that break limits in every window, which the means did not show, before the means are mended.
_FAILED = 4
# States that are evaluated at every point to say which breaks limits least.
_LEAST = 5
# Largest budget of operations that `WindowSearch.by_operations` looks at one by one.
_OPERATIONS = 20

# Part of what estimates miss that is added to those of other states: the rest lets near ones be valued too.
_MISSED = 0.9

# A violation outweighs so many times what all is worth, where limits are soft.
_OUTWEIGHS = 1e4


@dataclass
class WindowSearch:
    """Looks for the best topology of every window.

    Parameters
    ----------
    points : Points
        All operating points.
    groups : Groups
        Their means, on which exchanges are tried.
    required : (m,) array of bool
        Branches that stay closed.
    switching : Switching
        Price and budget of operations, and whether the first topology is free of both.
    soft : bool
        Whether limits may be broken where nothing keeps them all: least violation first.
    stop : callable
        Asked between evaluations.
    formulation : str
        Of the proof, see `adnflex.problems.multi_period.joint.build_chosen_joint`.
    pool : dict of frozenset of int to None
        Candidates, in the order in which they were seen.
    favoured : dict of frozenset of int to None
        Those that come first, whatever they cost by themselves.
    """

    points: Points
    groups: Groups
    required: BoolArray
    switching: Switching
    soft: bool = False
    stop: Callable[[], bool] = lambda: False
    formulation: str = "auto"
    pool: dict[Open, None] = field(default_factory=dict)
    favoured: dict[Open, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.exact = Evaluator(self.points, self.required)
        self.estimate = self.exact if self._same else Evaluator(self.groups.means, self.required)
        grid = self.points.grid
        self.present: Open = frozenset(np.flatnonzero(~grid.closed).tolist())
        self.peak = self.present

    @property
    def _same(self) -> bool:
        """Whether the means are all points, in their order."""
        members = self.groups.members
        return len(members) == len(self.points) and all(int(m[0]) == k for k, m in enumerate(members))

    # -- candidates ----------------------------------------------------------------------------------------

    def explore(self, starts: Iterable[Open] = ()) -> None:
        """Search every run of windows by branch exchange; all states that were seen are candidates.

        The present state is the first, valued at every point whatever the time: it may be all that there is.
        """
        if self.exact(self.present) is not None:
            self.pool[self.present] = None
        means, given = self.estimate.points, list(starts)
        for rows in self._runs():
            if self.stop():
                break
            chosen = np.zeros(len(means), dtype=bool)
            chosen[np.isin(means.window, rows)] = True
            self._exchange(chosen, [*given, self.present, meshed_start(means[chosen].mean(), self.required)])

    def _runs(self) -> Iterator[IntArray]:
        count = self.points.windows
        whole = np.arange(count)
        yield whole
        if count == 1:
            return
        lengths = [n for n in _RUNS if n < count] if count <= _MANY_WINDOWS else [1]
        for length in lengths:
            for first in range(count - length + 1):
                yield whole[first : first + length]
        if count <= _MANY_WINDOWS:
            for first in range(1, count):
                yield whole[first:]

    def _exchange(self, chosen: BoolArray, starts: list[Open]) -> None:
        """Improve some states for some of the means."""
        weight = np.where(chosen, self.estimate.points.weight, 0.0)
        guide = weight if weight.any() else chosen.astype(float)

        def score(state: Open) -> Score | None:
            found = self.estimate(state)
            if found is None or not np.isfinite(found.loss_mw[chosen]).all():
                return None
            return Score(float(found.violation[chosen].sum()), float(weight[chosen] @ found.loss_mw[chosen]))

        search = ExchangeSearch(score, lambda state: self.estimate.moves(state, guide), self.stop)
        found = [r for start in dict.fromkeys(starts) if (r := branch_exchange(search, start, _BATCH)) is not None]
        if found and chosen.all():
            top = min(found, key=lambda r: r[1])
            perturbed_search(search, top, math.inf, np.random.default_rng(0), restarts=_RESTARTS)
        self.pool.update(dict.fromkeys(s for s, seen in search.seen.items() if seen is not None))

    # -- sequences -----------------------------------------------------------------------------------------

    def costs(self, evaluator: Evaluator, state: Open) -> FloatArray:
        """Value of a state in every window; inf where it breaks a limit, unless these are soft."""
        found, points = evaluator(state), evaluator.points
        if found is None:
            return np.full(points.windows, np.inf)
        loss = np.where((points.weight == 0) & np.isfinite(found.loss_mw), 0.0, points.weight * found.loss_mw)
        value = windows_of(loss, points.window, points.windows)
        broken = windows_of(found.violation, points.window, points.windows)
        if self.soft:
            return np.asarray(value + self._outweigh * broken)
        return np.where(broken > 0, np.inf, value)

    @property
    def _outweigh(self) -> float:
        """What a unit of violation costs where limits are soft."""
        found = self.exact(self.present)
        base = float(self.points.weight @ np.nan_to_num(found.loss_mw, posinf=0.0)) if found is not None else 0.0
        return _OUTWEIGHS * max(base, 1e-6)

    def best(self, most: int | None = None) -> Sequence | None:
        """Return the cheapest sequence of candidates, each evaluated at every point; None where there is none.

        Parameters
        ----------
        most : int, optional
            Largest number of operations.
        """
        states, costs = self._columns()
        if not states:
            return None
        valued = set(self.exact.seen())
        known, estimates = np.array([self._same or s in valued for s in states]), costs.copy()
        for k in np.flatnonzero(known).tolist():
            costs[k] = self.costs(self.exact, states[k])
        changes = distances(self.points.grid.m, states)
        first = np.zeros(len(states), dtype=np.int64)
        if self.switching.start == "present":
            first = from_present(states, self.present)
        price, failed = self.switching.switching_cost, 0
        while True:
            if not self._same:
                # means lose less than what they are of, by about as much with all states
                costs[~known] = estimates[~known] + _MISSED * missed(costs[known], estimates[known])
            _, chosen = SwitchingSequences(costs, changes, first, price, most).best()
            fresh = [c for c in dict.fromkeys(chosen) if not known[c]]
            if not chosen:
                return None
            if not fresh or (not self._same and (known.sum() >= _EXACT or failed >= _FAILED)) or self.stop():
                break
            for c in fresh:
                costs[c], known[c] = self.costs(self.exact, states[c]), True
                failed += bool(np.isinf(costs[c]).all())
        if fresh:
            # what was not evaluated at every point is no answer
            costs[~known] = np.inf
            _, chosen = SwitchingSequences(costs, changes, first, price, most).best()
            if not chosen:
                return None
        return self.sequence([states[c] for c in chosen])

    def sequence(self, chosen: list[Open]) -> Sequence:
        """Value a sequence of states at every point."""
        losses = violation = 0.0
        for window in range(self.points.windows):
            found, rows = self.exact(chosen[window]), self.points.window == window
            assert found is not None
            losses += float(self.points.weight[rows] @ found.loss_mw[rows])
            violation += float(found.violation[rows].sum())
        operations = self.operations(chosen)
        price = self.switching.switching_cost * operations
        return Sequence(tuple(chosen), losses + price, losses, operations, violation)

    def operations(self, chosen: list[Open]) -> int:
        """Count the branches that change, over the horizon."""
        before = self.present if self.switching.start == "present" else chosen[0]
        count = 0
        for state in chosen:
            count += len(before ^ state)
            before = state
        return count

    def _columns(self) -> tuple[list[Open], FloatArray]:
        """Candidates that are not dominated, the best of every window first, and their estimated costs."""
        states = list(self.favoured | self.pool)
        if not states:
            return [], np.zeros((0, self.points.windows))
        costs = np.stack([self.costs(self.estimate, s) for s in states])
        useful = np.asarray(np.isfinite(costs).any(axis=1))
        rank = np.argsort(np.argsort(costs, axis=0, kind="stable"), axis=0, kind="stable").min(axis=1)
        rank[: len(self.favoured)] = -1
        total = np.where(np.isfinite(costs), costs, 0.0).sum(axis=1)
        order = [k for k in np.lexsort((total, rank)).tolist() if useful[k]][:_COLUMNS]
        return [states[k] for k in order], costs[order]

    # -- limits that the means do not show -----------------------------------------------------------------

    def broken(self) -> IntArray:
        """Points at which states break limits most that the means showed as good, one a state and window."""
        found: set[int] = set()
        for state in self.exact.seen():
            seen = self.exact(state)
            if self._same or seen is None or np.isinf(self.costs(self.estimate, state)).all():
                continue
            for window in range(self.points.windows):
                rows = np.flatnonzero(self.points.window == window)
                worst = rows[int(np.argmax(seen.violation[rows]))]
                if seen.violation[worst] > 0:
                    found.add(int(worst))
        return np.array(sorted(found), dtype=np.int64)

    def guard(self, groups: Groups) -> None:
        """Go on with other means."""
        self.groups = groups
        self.estimate = Evaluator(groups.means, self.required)

    # -- what else is asked of it --------------------------------------------------------------------------

    def by_operations(self) -> list[tuple[int, Sequence]]:
        """Return the best sequences found with 0, 2, 4 ... operations at most, up to where no more help."""
        free = self.best()
        if free is None:
            return []
        found: list[tuple[int, Sequence]] = []
        for most in range(0, min(free.operations, _OPERATIONS) + 1):
            seq = self.best(most)
            if seq is not None and (not found or seq.objective < found[-1][1].objective - 1e-9):
                found.append((most, seq))
        if free.operations > _OPERATIONS:
            found.append((free.operations, free))
        return found

    def one_topology(self) -> Sequence | None:
        """Return the best single topology within the budget that was evaluated at every point."""
        states = [s for s in self.exact.seen() if np.isfinite(self.costs(self.exact, s)).all()]
        most = self.switching.max_operations
        found = (self.sequence([state] * self.points.windows) for state in states)
        within = (s for s in found if most is None or s.operations <= most)
        return min(within, key=lambda s: s.objective, default=None)

    def fewest_operations(self) -> int | None:
        """Return the least number of operations with which a sequence was found that keeps every limit."""
        most = -1 if (free := self.best()) is None else free.operations
        return next((n for n in range(most + 1) if self.best(n) is not None), None)

    def find_peak(self, stop: Callable[[], bool]) -> None:
        """Search the best state for the point of highest losses with the present states; it is a candidate too."""
        present = self.exact(self.present)
        if present is None or not np.isfinite(present.loss_mw).any():
            return
        t = int(np.argmax(np.where(np.isfinite(present.loss_mw), present.loss_mw, -np.inf)))
        single = replace(self.points[np.array([t])], weight=np.ones(1), window=np.zeros(1, dtype=np.int64))
        alone = WindowSearch(
            single, Groups(single, (np.array([0]),)), self.required, Switching(start="free"), soft=True, stop=stop
        )
        alone.explore()
        if (found := alone.best()) is not None:
            self.peak = found.states[0]
            self.pool[self.peak] = None

    def valued(self) -> list[tuple[Open, Evaluation]]:
        """List the radial states that were run at every point, and what came of it."""
        return [(state, found) for state in self.exact.seen() if (found := self.exact(state)) is not None]

    def good_tree(self, best: Open | None) -> RadialFlow:
        """Return a topology, by default the least violating one."""
        state = best if best is not None else self.least_violating()
        tree = self.exact.tree(self.present if state is None else state)
        return tree if tree is not None else self._meshed()

    def _meshed(self) -> RadialFlow:
        tree = self.exact.tree(meshed_start(self.points.mean(), self.required))
        assert tree is not None  # opening loops one by one ends in a tree
        return tree

    def least_violating(self) -> Open | None:
        """Return the state with the least sum of violations of those that were evaluated at every point."""
        if not self.pool:
            return None
        if not self._same:
            for state in sorted(self.pool, key=self._violation)[:_LEAST]:
                self.exact(state)
        known = [(float(found.violation.sum()), sorted(state)) for state, found in self.valued()]
        return frozenset(min(known)[1]) if known else None

    def _violation(self, state: Open) -> float:
        found = self.estimate(state)
        return np.inf if found is None else float(found.violation.sum())
