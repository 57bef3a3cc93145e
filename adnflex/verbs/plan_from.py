"""A plan of switch states that somebody else chose: a planner, a paper, another program."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.arrays import BoolArray
from adnflex.errors import Infeasible, InputError, NotRadial
from adnflex.formulations import formulation_named
from adnflex.grid import Grid, read_grid
from adnflex.grid.checks import shorten
from adnflex.grid.flow import flow_of
from adnflex.grid.identity import fingerprint
from adnflex.grid.model import SwitchableBranch
from adnflex.grid.switching import SWITCH_STATES
from adnflex.grid.topology import present_loops
from adnflex.knobs import Limits, Switching
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.answer import SearchedTopology
from adnflex.problems.reconfiguration.objective import parse_objective
from adnflex.results import Plan
from adnflex.results.status import GIVEN
from adnflex.text import title as title_of
from adnflex.verbs.plan_of_topology import plan_of


@public(reading=read_grid)
def plan_from(
    net: pandapowerNet,
    other_net: pandapowerNet | None = None,
    *,
    open_lines: Iterable[int] | None = None,
    open_switches: Iterable[int] = (),
    closed_switches: Iterable[int] = (),
    objective: str | Mapping[str, float] = "losses",
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | None = None,
    switchable_lines: Iterable[int] | str | None = None,
    locked_lines: Iterable[int] = (),
    max_operations: int | None = None,
    switching_cost: float = 0.0,
    name: str | None = None,
) -> Plan:
    """Make a plan of a switch state that somebody else chose, to validate, compare and report it like any other.

    Nothing is optimised and nothing is proven: the plan's status is ``given`` and its bound -inf.
    ``validate(plan, net, bound=True)`` says how far above the proven bound it is.

    Parameters
    ----------
    net : pandapowerNet
        The net as it stands; it is only read. Operations are counted from it.
    other_net : pandapowerNet, optional
        The same net with the chosen switch states; nothing else may differ.
    open_lines : iterable of int, optional
        In place of it: all lines that are open (pandapower indices); every other line that may be switched is closed.
        By default the lines stay as they are.
    open_switches, closed_switches : iterable of int
        Bus-bus and transformer switches that are opened, or closed; the others stay as they are.
    objective, vm_limits, max_loading_percent, limits, switching_cost, name
        As in `adnflex.reconfigure`: what the state is valued and judged by.
    switchable_lines, locked_lines, max_operations
        As in `adnflex.reconfigure`: what may be switched.

    Returns
    -------
    Plan
        With the values of exact power flow.

    Raises
    ------
    InputError
        If an index is unknown, a line cannot be switched or is locked, or the other net differs in more than switch
        states; all faults at once.
    NotRadial
        If a closed path remains or a bus is without supply; names them.
    Infeasible
        If power flow has no solution in this state.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> plan = plan_from(pn.case33bw(), open_lines=[6, 8, 13, 31, 36])
    >>> plan.status, round(plan.objective * 1e3, 3), plan.operations
    ('given', 139.551, 8)
    """
    clock, within = Deadline(math.inf), Limits.gathered(locals())
    asked = _Asked(open_lines=None if open_lines is None else [int(i) for i in open_lines])
    asked.opened, asked.closed = [int(i) for i in open_switches], [int(i) for i in closed_switches]
    _require_no_line_switches(net, asked)
    couplers = list(dict.fromkeys([*asked.opened, *asked.closed]))
    if other_net is not None:
        if open_lines is not None or couplers:
            raise InputError("other_net is given beside lists of lines or switches; give one of them.")
        couplers = _moved_couplers(net, other_net)
    goal = parse_objective(objective, switching_cost)
    switching = Switching(switchable_lines, couplers, locked_lines)
    grid = read_grid(net, limits=within, switching=switching)
    chosen = _as_listed(net, grid, asked) if other_net is None else _as_other(net, grid, other_net)
    if faults := _structure_faults(grid, chosen):
        raise NotRadial(faults)
    flow = flow_of(grid, chosen)
    if flow is None:
        raise Infeasible(
            "power flow has no solution in these switch states: the loads may be more than the lines can carry; look "
            "at units and scaling, or choose other states.",
            None,
            False,
        )
    answer = SearchedTopology(
        status=GIVEN,
        flow=flow,
        relaxed=None,
        least_violating=None,
        bound=-math.inf,
        progress=(),
        solver="none: chosen by somebody else",
        formulation=formulation_named("distflow"),
    )
    options: dict[str, Any] = {"objective": goal.weights, **switching.choice, "max_operations": max_operations}
    return plan_of(net, grid, goal, answer, within, options, title_of(net, name), clock.now)


@dataclass
class _Asked:
    """What a caller lists."""

    open_lines: list[int] | None
    opened: list[int] = ()  # type: ignore[assignment]
    closed: list[int] = ()  # type: ignore[assignment]


def _require_no_line_switches(net: pandapowerNet, asked: _Asked) -> None:
    """Refuse switches that are none, or that stand at a line, under the name that the caller used."""
    faults = []
    for name, switches in (("open_switches", asked.opened), ("closed_switches", asked.closed)):
        unknown = [s for s in switches if s not in net.switch.index]
        if unknown:
            faults.append(f"{name}: switch {shorten(unknown)} is not in net.switch; give existing indices.")
        for s in switches:
            if s not in unknown and net.switch.at[s, "et"] == "l":
                line = net.switch.at[s, "element"]
                way_out = (
                    f"name its line {line} in open_lines"
                    if name == "open_switches"
                    else (f"a line is closed where open_lines does not name it: leave line {line} out of that list")
                )
                faults.append(f"{name}: switch {s} is a line switch; {way_out}.")
    if faults:
        raise InputError(faults)


def _as_listed(net: pandapowerNet, grid: Grid, asked: _Asked) -> BoolArray:
    """Branch states of lists of lines and switches."""
    both = sorted({*asked.opened} & {*asked.closed})
    faults = [f"switch {i}: is named as open and as closed; leave it out of one of them." for i in both]
    place = {(d.element, d.index): k for k, d in _decisions(grid)}
    chosen = grid.closed.copy()
    if asked.open_lines is not None:
        faults += _line_faults(net, grid, asked.open_lines)
        for k, d in _decisions(grid):
            if d.element == "line":
                chosen[k] = d.index not in asked.open_lines
    for names, state in ((asked.opened, False), (asked.closed, True)):
        for s in names:
            kind = net.switch["et"].get(s)
            key = ("trafo", int(net.switch.at[s, "element"])) if kind == "t" else ("switch", s)
            if key in place:
                chosen[place[key]] = state
            elif bool(net.switch.at[s, "closed"]) != state:
                faults.append(f"switch {s}: it cannot be operated, as an end of it is out of service; leave it out.")
    if faults:
        raise InputError(faults)
    return chosen


def _decisions(grid: Grid) -> list[tuple[int, SwitchableBranch]]:
    return [(k, b.decision) for k, b in enumerate(grid.branches) if b.decision is not None]


def _line_faults(net: pandapowerNet, grid: Grid, open_lines: list[int]) -> list[str]:
    """Find lines that are unknown, or closed and not to be opened."""
    unknown = [i for i in open_lines if i not in net.line.index]
    free = {d.index for _, d in _decisions(grid) if d.element == "line"}
    locked = {d.index for d in grid.locked if d.element == "line"}
    stuck = [i for i in open_lines if i not in free and i not in locked and i in net.line.index]
    faults = []
    if unknown:
        low, high = int(net.line.index.min()), int(net.line.index.max())
        shifted = all(i - 1 in net.line.index for i in open_lines)
        hint = " (lists that count from 1, as in many papers, are one less here)" if shifted else ""
        faults.append(
            f"open_lines: line {shorten(unknown)} is not in net.line, whose indices are {low} to {high}; give "
            f"pandapower indices{hint}."
        )
    if stuck:
        faults.append(
            f"open_lines: line {shorten(stuck)} is closed and may not be switched (locked, or without a switch); leave "
            "it out, or name the switchable lines in switchable_lines."
        )
    return faults


def _moved_couplers(net: pandapowerNet, other: pandapowerNet) -> list[int]:
    """Bus-bus and transformer switches whose state differs between two nets of the same switches."""
    if list(net.switch.index) != list(other.switch.index):
        raise InputError("other_net: its switches are others than those of net; give the same net with other states.")
    off = net.switch["closed"].astype(bool) != other.switch["closed"].astype(bool)
    return [int(i) for i in net.switch.index[off & net.switch["et"].isin(["b", "t"])]]


def _as_other(net: pandapowerNet, grid: Grid, other: pandapowerNet) -> BoolArray:
    """Branch states of another net, which may differ in nothing else."""
    same = copy.deepcopy(other)
    for table, column in SWITCH_STATES:
        if list(net[table].index) != list(same[table].index):
            raise InputError(f"other_net: its {table} table has other rows than that of net; give the same net.")
        same[table][column] = net[table][column]
    if fingerprint(same) != fingerprint(net):
        raise InputError(
            "other_net: differs from net in more than switch states (data of elements, options of power flow); give "
            "the same net with other switch states, or name open_lines."
        )
    chosen = grid.closed.copy()
    for k, d in _decisions(grid):
        chosen[k] = _closed_in(other, d.element, d.index)
    free = {(d.element, d.index) for _, d in _decisions(grid)}
    faults = []
    for element in ("line", "trafo"):
        moved = [
            int(i)
            for i in net[element].index
            if (element, int(i)) not in free and _closed_in(net, element, int(i)) != _closed_in(other, element, int(i))
        ]
        if moved:
            faults.append(
                f"other_net: {element} {shorten(moved)} is switched there and may not be (locked, or without a "
                "switch); give switchable_lines, or leave it as it is."
            )
    if faults:
        raise InputError(faults)
    return chosen


def _closed_in(net: pandapowerNet, element: str, index: int) -> bool:
    """Whether a branch conducts: in service, and none of its switches open."""
    switches = net.switch
    if element == "switch":
        return bool(switches.at[index, "closed"])
    mine = switches[(switches["et"] == element[0]) & (switches["element"] == index)]
    return bool(net[element].at[index, "in_service"]) and bool(mine["closed"].astype(bool).all())


def _structure_faults(grid: Grid, closed: BoolArray) -> list[str]:
    """Find closed paths, and buses that no source reaches."""
    faults = []
    for loop in present_loops(grid, closed):
        names = " - ".join(str(grid.branches[k]) for k in loop)
        faults.append(f"a closed path remains: {names}; open one of them.")
    reached = ~np.isnan(grid.root_v)
    growing = True
    while growing:
        before = int(reached.sum())
        on = closed & (reached[grid.f] | reached[grid.t])
        reached[grid.f[on]], reached[grid.t[on]] = True, True
        growing = int(reached.sum()) > before
    dark = [grid.bus_name(int(n)) for n in np.flatnonzero(~reached)]
    if dark:
        faults.append(f"{shorten(dark)} would be without supply; close a line towards it.")
    return faults
