"""One net and its outages: the net is read once; where a single branch is out, its grid loses a branch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandapower.topology as top
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import BoolArray, FloatArray
from adnflex.errors import InputError
from adnflex.grid.loads import gross_load
from adnflex.grid.model import Grid, SwitchableBranch
from adnflex.grid.read import read_grid
from adnflex.grid.remaining import without
from adnflex.grid.switching import decisions
from adnflex.grid.write import write
from adnflex.knobs import Limits, Switching
from adnflex.powerflow.limits import limits_of
from adnflex.powerflow.structure import source_rows
from adnflex.problems.restoration.emergency import emergency
from adnflex.problems.restoration.flows import Before, Ceiling, SetFlows
from adnflex.problems.restoration.islands import IslandUnit
from adnflex.problems.restoration.outage import Contacts, Key, Outage
from adnflex.problems.restoration.search import Candidate, RestorationSearch
from adnflex.problems.restoration.sets import nothing
from adnflex.problems.restoration.supply import Supply


@dataclass(frozen=True)
class Partial(Candidate):
    """A set of operations after which some loads come back in part: ``kept``, the share of each that does."""

    kept: Mapping[int, float]


@dataclass(frozen=True)
class Restored:
    """What is known of one outage.

    Attributes
    ----------
    outage : Outage
        The outage.
    grid : Grid or None
        The grid without the fault; None where no source is left.
    search : RestorationSearch or None
        What was searched; None where there is no grid.
    dark, back, reachable : (b,) array of bool
        By bus, in the order of the study: without supply after the fault is parted; supplied again; supplied if all
        that may be closed is.
    moves : mapping of (str, str, int) to float
        What is set beside switches.
    partial : Partial or None
        Operations after which loads come back in part, where they restore more than the best set.
    most : float or None
        What no state restores more than; None: what the search says.
    unseen : bool
        Whether the time was over before every position was tried.
    set_too : bool
        Whether more than switches may be set.
    units : mapping of int to IslandUnit
        Units that may hold an island, by the switches that start them.
    """

    outage: Outage
    grid: Grid | None
    search: RestorationSearch | None
    dark: BoolArray
    back: BoolArray
    reachable: BoolArray
    moves: Mapping[tuple[str, str, int], float] = field(default_factory=dict)
    partial: Partial | None = None
    most: float | None = None
    unseen: bool = False
    set_too: bool = False
    units: Mapping[int, IslandUnit] = field(default_factory=dict)

    @property
    def chosen(self) -> Candidate | None:
        """What is done: the best set of operations, or none where limits are broken whatever is done."""
        return self.partial or (None if self.search is None else self.search.best or self.search.none)

    @property
    def worth(self) -> float:
        """What comes back, weighted by priority [MW]."""
        return 0.0 if self.chosen is None else self.chosen.worth

    @property
    def bound(self) -> float:
        """What no state that was asked for restores more than, weighted by priority [MW]."""
        return self.most if self.most is not None else 0.0 if self.search is None else self.search.bound

    @property
    def whole(self) -> bool:
        """Whether all that any number of operations reaches is back."""
        return self.search is None or self.search.whole

    def named(self, answer: Candidate) -> list[tuple[SwitchableBranch, bool]]:
        """Branches that an answer operates, and whether it closes them; units that it starts are named as such."""
        assert self.grid is not None
        found = []
        for branches, close in ((answer.openings, False), (answer.closings, True)):
            decided = [self.grid.branches[k].decision for k in branches]
            found += [(self._started(d), close) for d in decided if d is not None]
        return found

    def _started(self, d: SwitchableBranch) -> SwitchableBranch:
        unit = self.units.get(d.index) if d.element == "switch" else None
        return d if unit is None else unit.started(d)


class RestorationStudy:
    """The outages of a net.

    Parameters
    ----------
    net : pandapowerNet
        The net before any outage; it is only read.
    limits : Limits
        What stands in place of the net's limits; without them those for emergencies count, where it has any.
    switching : Switching
        What may be switched.
    generation_returns : bool
        Whether generation comes back with the buses that it stands at.
    factor : float
        See `emergency`.
    units : mapping of int to IslandUnit
        Units that may hold an island, by their switches (see `with_islands`).

    Raises
    ------
    InputError
        If the net cannot be read, is not radial, or has no power flow as it stands.

    Attributes
    ----------
    buses : pandas.Index
        Buses in service.
    load_mw, worth : (b,) array
        Gross load [MW], and load times priority.
    supplied : (b,) array of bool
        Whether a bus has supply before any outage.
    """

    def __init__(
        self,
        net: pandapowerNet,
        limits: Limits,
        switching: Switching,
        *,
        generation_returns: bool = True,
        factor: float = 1.0,
        units: Mapping[int, IslandUnit] | None = None,
    ) -> None:
        self.units = units or {}
        self.net, self.limits, self.generation_returns = emergency(net, factor), limits, generation_returns
        self.switching = switching
        self.grid = read_grid(self.net, limits=limits, switching=switching)
        self.chosen = decisions(self.net, switching)[0]
        self.contacts = Contacts(self.net, self.chosen)
        self.buses = net.bus.index[net.bus["in_service"].to_numpy(dtype=bool)]
        self.load_mw, self.worth = _loads(net, self.buses)
        supply = Supply(self.grid, np.zeros(self.grid.n))
        self.supplied = self.of_nodes(self.grid, supply.lit)
        self.load_mw[~self.supplied] = self.worth[~self.supplied] = 0.0
        self.before = self._before(supply)
        # several elements in parallel are one branch, of which one can be out while the others stay
        self._branch = {
            (b.members[0].element, b.members[0].index): k
            for k, b in enumerate(self.grid.branches)
            if len(b.members) == 1
        }

    def moved(self, net: pandapowerNet) -> RestorationStudy:
        """Return the same study of the net with other set-points: what was broken before counts as it was."""
        other = copy.copy(self)
        other.net, other.grid = net, read_grid(net, limits=self.limits, switching=self.switching)
        return other

    def _before(self, supply: Supply) -> Before:
        """Find limits that are broken before any outage."""
        found = SetFlows(supply, Ceiling.of(self.grid)).run([nothing(supply)])
        if np.isnan(found.states.loss[0]):
            raise InputError("power flow of the net as it stands has no solution; look at its loads and its units.")
        return Before.of(self.grid, found.states, found.lit)

    @cached_property
    def _place(self) -> dict[int, int]:
        return {int(bus): k for k, bus in enumerate(self.buses)}

    def of_nodes(self, grid: Grid, values: BoolArray) -> BoolArray:
        """Spread a truth of nodes over the buses; False where a bus has no node."""
        found = np.zeros(len(self.buses), dtype=bool)
        nodes = [(self._place[bus], node) for bus, node in grid.node_of.items() if bus in self._place]
        if nodes:
            places, at = np.array(nodes).T
            found[places] = values[at]
        return found

    def _weight(self, grid: Grid) -> FloatArray:
        """Return what supplying each node is worth (n,)."""
        found = np.zeros(grid.n)
        loaded = np.flatnonzero(self.worth)
        pairs = [(grid.node_of[int(self.buses[k])], k) for k in loaded if int(self.buses[k]) in grid.node_of]
        for node, k in pairs:
            found[node] += self.worth[k]
        return found

    @cached_property
    def load_of(self) -> dict[int, float]:
        """Gross load of every bus with supply before any outage [MW]."""
        pairs = zip(self.buses[self.supplied], self.load_mw[self.supplied], strict=True)
        return {int(bus): float(mw) for bus, mw in pairs}

    @cached_property
    def _percent(self) -> dict[Key, float]:
        """Limits of loading [%]."""
        rated = limits_of(self.net, self.limits).loading_percent
        return {(str(e), int(i)): float(x) for (e, i), x in rated.items()}

    def percent(self, element: str, index: int) -> float:
        """Limit of the loading of a line or transformer [%]; NaN where it has none."""
        return self._percent.get((element, index), np.nan)

    def outage(self, elements: Sequence[Key]) -> Outage:
        """Return what an outage of one or several elements at once takes away."""
        return self.contacts.outage(elements)

    def restore(self, outage: Outage, most: int | None, stop: Callable[[], bool]) -> Restored:
        """Find the best set of at most so many operations after an outage.

        Parameters
        ----------
        outage : Outage
            The outage.
        most : int or None
            Operations; None: any number.
        stop : callable
            Asked whether the time is over.
        """
        supply = self.supply(outage)
        if supply is None:
            nothing = np.zeros(len(self.buses), dtype=bool)
            return Restored(outage, None, None, self.supplied, nothing, nothing)
        grid = supply.grid
        dark = self.supplied & ~self.of_nodes(grid, supply.lit)
        search = RestorationSearch(supply, SetFlows(supply, Ceiling.of(grid, self.before, self.units)), stop)
        search.run(most)
        lit = (search.best or search.none).state.lit[0]
        back = dark & self.of_nodes(grid, lit)
        every = self.of_nodes(grid, np.ones(grid.n, dtype=bool))
        return Restored(outage, grid, search, dark, back, every, units=self.units)

    def supply(self, outage: Outage) -> Supply | None:
        """Return the blocks of the grid without the fault; None where no source is left."""
        grid = self._grid(outage)
        if grid is None:
            return None
        supply = Supply(grid, self._weight(grid))
        dark = self.supplied & ~self.of_nodes(grid, supply.lit)
        if not self.generation_returns and self.generation(dark):
            grid = self._read(outage, self.generators_off(outage.isolated(self.net), dark))
            supply = Supply(grid, self._weight(grid))
        return supply

    def _grid(self, outage: Outage) -> Grid | None:
        """Return the grid without the fault; None where no source is left."""
        branch = self._branch.get(outage.elements[0])
        if outage.alone and len(outage.elements) == 1 and branch is not None:
            return without(self.grid, branch)
        isolated = outage.isolated(self.net)
        return self._read(outage, isolated) if source_rows(isolated) else None

    def _read(self, outage: Outage, isolated: pandapowerNet) -> Grid:
        """Read a net after an outage; what nothing that may be closed can supply is left out."""
        left = outage.left(self.chosen)
        free = [(t, "in_service", i) for t, i in _closable(left, isolated)]
        mine = {(d.element, d.index) for d in self.chosen} - set(outage.branches) - {("switch", s) for s in outage.held}
        ends = [s for d in self.chosen if (d.element, d.index) in mine for s in (*d.close_switches, *d.open_switches)]
        whole = write(isolated, dict.fromkeys([*free, *(("switch", "closed", s) for s in ends)], 1.0))
        dead = top.unsupplied_buses(whole)
        return read_grid(
            write(isolated, {("bus", "in_service", int(b)): 0.0 for b in dead}), limits=self.limits, switching=left
        )

    def generation(self, dark: BoolArray) -> list[int]:
        """List the generators in service at dark buses."""
        sgen = self.net.sgen
        here = sgen["in_service"].to_numpy(dtype=bool) & sgen["bus"].isin(self.buses[dark]).to_numpy()
        return [int(i) for i in sgen.index[here]]

    def generators_off(self, net: pandapowerNet, dark: BoolArray) -> pandapowerNet:
        """Return a copy of a net without the generation at dark buses."""
        return write(net, {("sgen", "in_service", i): 0.0 for i in self.generation(dark)})


def _closable(left: Switching, net: pandapowerNet) -> list[Key]:
    """Lines that may be switched and are out of service."""
    lines = net.line.index.intersection([*(left.switchable_lines or ())])
    return [("line", int(i)) for i in lines if not net.line.at[i, "in_service"]]


def _loads(net: pandapowerNet, buses: pd.Index) -> tuple[FloatArray, FloatArray]:
    """Gross load of every bus [MW], and the same times ``load.priority`` (1 where it is missing)."""
    load = gross_load(net)
    load = load[load["bus"].isin(buses)]
    power = load["gross_mw"]
    priority = load["priority"].astype(float).fillna(1.0) if "priority" in load else 1.0
    gross, worth = np.zeros(len(buses)), np.zeros(len(buses))
    at = buses.get_indexer(load["bus"])
    np.add.at(gross, at, power.to_numpy(dtype=float))
    np.add.at(worth, at, (power * priority).to_numpy(dtype=float))
    return gross, worth
