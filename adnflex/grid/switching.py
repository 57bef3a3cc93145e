"""What may be switched: the caller's choice turned into one `SwitchableBranch` a branch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pandapower import pandapowerNet

from adnflex.grid.checks import shorten
from adnflex.grid.model import SwitchableBranch
from adnflex.knobs import Switching

# Type of a switch that parts a fault by itself and is not operated.
FUSE = "FUSE"

# What holds switch states, by table and column.
SWITCH_STATES = (("switch", "closed"), ("line", "in_service"), ("trafo", "in_service"))


def decisions(net: pandapowerNet, switching: Switching) -> tuple[list[SwitchableBranch], list[str]]:
    """List the branches that may be switched, and the faults of the caller's choice.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    switching : Switching
        The caller's choice. Lines may be locked beside ``"all"`` and None, not beside the same indices.

    Returns
    -------
    list of SwitchableBranch, list of str
        The decisions, in order of element and index, and the findings.
    """
    line_switches = _branch_switches(net, "l")
    lines, findings = _chosen_lines(net, switching.switchable_lines, line_switches)
    locked, more = _locked_lines(net, switching.switchable_lines, switching.locked_lines)
    lines = [i for i in lines if i not in locked]
    findings.extend(more)
    found = _two_ended(net, "line", ("from_bus", "to_bus"), lines, line_switches)
    switches = list(dict.fromkeys(int(s) for s in switching.switchable_switches))
    unknown = [s for s in switches if s not in net.switch.index]
    if unknown:
        findings.append(f"switchable_switches: switch {shorten(unknown)} is not in net.switch; give existing indices.")
    known = [s for s in switches if s in net.switch.index]
    kinds = net.switch["et"].reindex(known)
    found.extend(_coupler_decision(net, s) for s in known if kinds[s] == "b")
    trafos = dict.fromkeys(int(net.switch.at[s, "element"]) for s in known if kinds[s] == "t")
    trafos = {t: None for t in trafos if t in net.trafo.index}  # a dangling switch is a fault of its own
    found.extend(_two_ended(net, "trafo", ("hv_bus", "lv_bus"), trafos, _branch_switches(net, "t")))
    findings.extend(
        f"switchable_switches: switch {s} is a line switch; name its line "
        f"{int(net.switch.at[s, 'element'])} in switchable_lines instead."
        for s in known
        if kinds[s] == "l"
    )
    findings.extend(
        f"switchable_switches: switch {s} belongs to a three-winding transformer, which is not supported."
        for s in known
        if kinds[s] == "t3"
    )
    return [d for d in found if _ends_alive(net, d)], findings


def _ends_alive(net: pandapowerNet, d: SwitchableBranch) -> bool:
    """Whether both ends are in service; a branch into a dead bus can feed nothing and stays as it is."""
    alive = net.bus["in_service"]
    return bool(alive.get(d.from_bus, False)) and bool(alive.get(d.to_bus, False))


def _branch_switches(net: pandapowerNet, kind: str) -> dict[int, list[int]]:
    """Switches of every line (``l``) or transformer (``t``)."""
    rows = net.switch[net.switch["et"] == kind]
    return {int(e): [int(s) for s in group] for e, group in rows.groupby("element").groups.items()}


def _chosen_lines(
    net: pandapowerNet, choice: Iterable[int] | str | None, line_switches: dict[int, list[int]]
) -> tuple[list[int], list[str]]:
    if choice is None:
        if not len(net.switch):
            return [int(i) for i in net.line.index], []
        on = net.line["in_service"].to_numpy(dtype=bool)
        fuses = set(net.switch.index[net.switch["type"] == FUSE]) if "type" in net.switch else set()
        worked = {line for line, switches in line_switches.items() if not fuses.issuperset(switches)}
        return [int(i) for i in net.line.index[on] if int(i) in worked], []
    if isinstance(choice, str):
        if choice == "all":
            return [int(i) for i in net.line.index], []
        return [], [f"switchable_lines is {choice!r}; give line indices, 'all' or None (lines with a switch)."]
    wanted = list(dict.fromkeys(int(i) for i in choice))
    unknown = [i for i in wanted if i not in net.line.index]
    findings = []
    if unknown:
        findings.append(f"switchable_lines: line {shorten(unknown)} is not in net.line; give existing indices.")
    return [i for i in wanted if i in net.line.index], findings


def _locked_lines(
    net: pandapowerNet, choice: Iterable[int] | str | None, locked_lines: Iterable[int]
) -> tuple[set[int], list[str]]:
    """Lines that the caller locks, and the faults: unknown ones, and those that are named as switchable too."""
    wanted = list(dict.fromkeys(int(i) for i in locked_lines))
    unknown = [i for i in wanted if i not in net.line.index]
    named = set() if choice is None or isinstance(choice, str) else {int(i) for i in choice}
    both = [i for i in wanted if i in named]
    findings = []
    if unknown:
        findings.append(f"locked_lines: line {shorten(unknown)} is not in net.line; give existing indices.")
    if both:
        findings.append(
            f"locked_lines: line {shorten(both)} is named in switchable_lines as well; leave it out of one of them."
        )
    return set(wanted), findings


def locked_open_lines(net: pandapowerNet, chosen: Iterable[SwitchableBranch]) -> tuple[SwitchableBranch, ...]:
    """List the open lines that no decision can close: out of service, or one of their switches open.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    chosen : iterable of SwitchableBranch
        What may be switched.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.knobs import Switching
    >>> net = pn.case33bw()
    >>> chosen, _ = decisions(net, Switching(locked_lines=[32, 33]))
    >>> [d.index for d in locked_open_lines(net, chosen)]
    [32, 33]
    """
    free = {d.index for d in chosen if d.element == "line"}
    line_switches = _branch_switches(net, "l")
    closed = net.switch["closed"].astype(bool)
    hanging = {int(e) for e in net.switch.loc[(net.switch["et"] == "l") & ~closed, "element"]}
    dead = set(net.line.index[~net.line["in_service"].astype(bool)].tolist())
    rest = [int(i) for i in net.line.index if int(i) not in free and (int(i) in hanging or i in dead)]
    return tuple(_two_ended(net, "line", ("from_bus", "to_bus"), rest, line_switches))


class _Switches:
    """Ends and states of all switches, looked up without pandas: there may be ten thousand."""

    def __init__(self, net: pandapowerNet) -> None:
        index = [int(s) for s in net.switch.index]
        self.bus = dict(zip(index, net.switch["bus"].tolist(), strict=True))
        self.closed = dict(zip(index, net.switch["closed"].astype(bool).tolist(), strict=True))


def _two_ended(
    net: pandapowerNet,
    element: str,
    ends: tuple[str, str],
    indices: Iterable[int],
    switches: dict[int, list[int]],
) -> list[SwitchableBranch]:
    """Decide for branches with switches at their ends: one end opens a branch, all of them close it.

    A branch that is open at one end keeps that end; one that is closed is opened at its to end (at its
    from end where only that has a switch), so that the other end keeps its state and the charging.
    """
    table = net[element].loc[list(indices)]
    states = _Switches(net)
    names = table["name"].tolist() if "name" in table.columns else [None] * len(table)
    rows = zip(
        table.index.tolist(),
        table[ends[0]].tolist(),
        table[ends[1]].tolist(),
        table["in_service"].astype(bool).tolist(),
        names,
        strict=True,
    )
    found = []
    for index, from_bus, to_bus, in_service, name in rows:
        mine = switches.get(int(index), [])
        open_now = [s for s in mine if not states.closed[s]]
        at_to = [s for s in mine if states.bus[s] == to_bus]
        found.append(
            SwitchableBranch(
                element=element,
                index=int(index),
                name=_name(name),
                from_bus=int(from_bus),
                to_bus=int(to_bus),
                closed=in_service and not open_now,
                open_switches=tuple(open_now or (at_to or mine)[:1]),
                close_switches=tuple(open_now),
                by_service=not mine or not in_service,
            )
        )
    return found


def _coupler_decision(net: pandapowerNet, switch: int) -> SwitchableBranch:
    row = net.switch.loc[switch]
    closed = bool(row["closed"])
    return SwitchableBranch(
        element="switch",
        index=switch,
        name=_name(row.get("name")),
        from_bus=int(row["bus"]),
        to_bus=int(row["element"]),
        closed=closed,
        open_switches=(switch,),
        close_switches=() if closed else (switch,),
        by_service=False,
    )


def is_ideal_switch(net: pandapowerNet, switch: int) -> bool:
    """Whether a bus-bus switch has no impedance, so that pandapower fuses its buses while it is closed."""
    return "z_ohm" not in net.switch.columns or not net.switch.at[switch, "z_ohm"] > 0


def _name(name: object) -> str:
    missing = name is None or (isinstance(name, float) and np.isnan(name))
    return "" if missing else str(name)
