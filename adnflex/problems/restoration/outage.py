"""An outage: what the switches around a fault cannot part from it waits for repair; the switches are held open.

The network is cut into pieces: buses, and branches between them. A piece touches another one directly, or by switches.
What is reached from the faulted piece without a switch is lost with it. A branch without switches that is operated by
taking it out of service counts as if it had one at each end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.model import SwitchableBranch
from adnflex.grid.write import write
from adnflex.knobs import Switching
from adnflex.powerflow.structure import source_rows

Key = tuple[str, int]

ELEMENTS = ("line", "trafo", "switch", "ext_grid", "gen", "bus")
_ENDS = {"line": ("from_bus", "to_bus"), "trafo": ("hv_bus", "lv_bus")}


@dataclass(frozen=True)
class Outage:
    """Elements that are out, and what is lost and held open with them.

    Attributes
    ----------
    elements : tuple of (str, int)
        ``line``, ``trafo``, ``switch`` (between buses: it is open and cannot be closed), ``ext_grid`` or ``gen`` (a
        source: its bus is sound), or ``bus``.
    buses : tuple of int
        Buses that cannot be parted from the fault.
    branches : tuple of (str, int)
        Lines and transformers that cannot be used: those with the fault, and those whose switches are held open.
    held : tuple of int
        Switches that are held open.
    services : tuple of (str, int)
        Lines, transformers and sources that are taken out of service.
    """

    elements: tuple[Key, ...]
    buses: tuple[int, ...]
    branches: tuple[Key, ...]
    held: tuple[int, ...]
    services: tuple[Key, ...]

    def __str__(self) -> str:
        return ", ".join(f"{element} {index}" for element, index in self.elements)

    @property
    def alone(self) -> bool:
        """Whether only one branch is lost and nothing else."""
        return self.elements[0][0] in _ENDS and not self.buses and self.branches == self.elements

    def isolated(self, net: pandapowerNet) -> pandapowerNet:
        """Return a copy of a net in which the fault is parted from the rest."""
        off = [("switch", "closed", s) for s in self.held]
        off += [(table, "in_service", i) for table, i in (*self.services, *(("bus", b) for b in self.buses))]
        return write(net, dict.fromkeys(off, 0.0))

    def left(self, chosen: Iterable[SwitchableBranch]) -> Switching:
        """Return what may still be switched, of what might be."""
        lost = {*self.branches, *(("switch", s) for s in self.held)}
        sound = [d for d in chosen if (d.element, d.index) not in lost]
        switches = [s for d in sound if d.element != "line" for s in d.open_switches]
        return Switching(switchable_lines=[d.index for d in sound if d.element == "line"], switchable_switches=switches)


class Contacts:
    """Which piece of a net touches which, by which switches.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    chosen : sequence of SwitchableBranch
        What may be switched; a branch without switches among it is parted by taking it out of service.
    """

    def __init__(self, net: pandapowerNet, chosen: Sequence[SwitchableBranch]) -> None:
        self.net = net
        self._by_service = {(d.element, d.index) for d in chosen if not d.open_switches}
        self._touching: dict[Key, list[tuple[Key, tuple[int, ...] | None]]] = {}
        self._at: dict[tuple[Key, int], list[int]] = {}
        rows = net.switch[["et", "element", "bus"]].itertuples()
        for switch, kind, element, bus in rows:
            if kind == "b":
                self._touch(("bus", int(bus)), ("bus", int(element)), (int(switch),))
            else:
                branch = ("line" if kind == "l" else "trafo", int(element))
                self._at.setdefault((branch, int(bus)), []).append(int(switch))
        for table, ends in _ENDS.items():
            on = net[table][net[table]["in_service"].to_numpy(dtype=bool)]
            for index, *buses in on[list(ends)].itertuples():
                key = table, int(index)
                for bus in buses:
                    switches = tuple(self._at.get((key, int(bus)), ()))
                    parted = switches or (() if key in self._by_service else None)
                    self._touch(key, ("bus", int(bus)), parted)

    def _touch(self, a: Key, b: Key, switches: tuple[int, ...] | None) -> None:
        """Note that two pieces meet: directly (None), by switches, or by service (no switches)."""
        self._touching.setdefault(a, []).append((b, switches))
        self._touching.setdefault(b, []).append((a, switches))

    def outage(self, elements: Sequence[Key]) -> Outage:
        """Return what an outage of one or several elements at once takes away.

        Raises
        ------
        InputError
            If there is no such element, or it cannot fail.
        """
        if faults := [f"outage: {fault}" for key in elements if (fault := self._fault(*key))]:
            raise InputError(faults)
        sources = {key for key in elements if key[0] in ("ext_grid", "gen")}
        couplers = {index for element, index in elements if element == "switch"}
        return self._zone(tuple(sorted(elements)), couplers, sources)

    def _fault(self, element: str, index: int) -> str:
        """Say why an element cannot be out; empty where it can."""
        if element not in ELEMENTS:
            return f"{element!r} is no element that can be out; give one of {', '.join(ELEMENTS)}."
        if index not in self.net[element].index:
            return f"{element} {index} is not in net.{element}; give an existing index."
        if element in ("ext_grid", "gen") and (element, index) not in source_rows(self.net):
            return f"{element} {index} is no source in service; give one that feeds the net."
        if element == "switch" and self.net.switch.at[index, "et"] != "b":
            of, at = self.net.switch.loc[index, ["et", "element"]]
            name = {"l": "line", "t": "trafo"}.get(str(of), "trafo3w")
            return f"switch {index} stands at {name} {at}; give ('{name}', {at})."
        return ""

    def _zone(self, elements: tuple[Key, ...], held: set[int], services: set[Key]) -> Outage:
        """Gather the pieces that no switch parts from the faulted ones, and what parts the others."""
        stack = [key for key in elements if key[0] in (*_ENDS, "bus")]
        pieces, edge = set(stack), set[Key]()
        while stack:
            piece = stack.pop()
            for other, switches in self._touching.get(piece, []):
                if switches is None:
                    if other not in pieces:
                        pieces.add(other)
                        stack.append(other)
                    continue
                held |= set(switches)
                edge |= {p for p in (piece, other) if p[0] != "bus"}
                if not switches:
                    services |= {p for p in (piece, other) if p[0] != "bus"}
        buses = tuple(sorted(i for table, i in pieces if table == "bus"))
        branches = {p for p in pieces if p[0] != "bus"}
        dead = {(t, i) for t, i in source_rows(self.net) if int(self.net[t].at[i, "bus"]) in buses}
        return Outage(
            elements=elements,
            buses=buses,
            branches=tuple(sorted(branches | edge)),
            held=tuple(sorted(held)),
            services=tuple(sorted(branches | services | dead)),
        )
