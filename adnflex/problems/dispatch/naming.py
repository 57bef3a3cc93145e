"""What the parts of the model of a dispatch are called, in which units; for whoever prints it."""

from __future__ import annotations

from collections.abc import Sequence

from adnflex.devices import Device


def doc_of(devices: Sequence[Device]) -> str:
    """Say what the model is, and which device is which."""
    return _DOC + "".join(f"device[{i}]: {type(d).__name__} {d.place}\n" for i, d in enumerate(devices))


_DOC = """Set-points of every device at every scenario s and period t.

at[s, t] is one operating point. v: squared voltage of a node; p, q: power into a branch at its from end; l: squared
current. device[i] is a device, states[k] the switch states of a span of periods. Powers are per unit on the base power
of the net (net.sn_mva, MVA), consumer sign; energies per unit times hours. The objective is in money (or kg, where
carbon is minimised). Nodes and branches count from 0, as `adnflex.grid.read_grid` has them.
"""
