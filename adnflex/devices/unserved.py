"""Withdrawal that the network is let off, where nothing else can be: how much too much stands at a node, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.base import BrokenLimit, Frame, NoDecisions, Place, Reach, Schedule, Withdrawal, assign
from adnflex.devices.inverter import read
from adnflex.devices.timeline import Timeline


@dataclass(frozen=True)
class Unserved(NoDecisions):
    """A share of the fixed power at a node that may be left out; only ever part of a search for reasons.

    Attributes
    ----------
    place : Place
        Its bus and node.
    p_mw, q_mvar : (S, T) array
        The fixed withdrawal [MW, Mvar].
    """

    place: Place
    p_mw: FloatArray
    q_mvar: FloatArray

    @property
    def carries(self) -> str:
        """Nothing: each period stands for itself."""
        return ""

    def unpriced(self) -> Unserved:
        """Return it as it is."""
        return self

    def reach(self) -> tuple[Reach, ...]:
        """From everything left out to nothing."""
        zero = np.zeros_like(self.p_mw)
        p, q = -self.p_mw, -self.q_mvar
        ends = np.minimum(p, zero), np.maximum(p, zero), float(min(q.min(), 0.0)), float(max(q.max(), 0.0))
        return (Reach(self.place.node, *ends),)

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare the share ``left_out``."""
        base = frame.base_mva
        block.left_out = pyo.Var(frame.horizon.points, bounds=(0, 1))
        for s, t in frame.horizon.points:
            p, q = float(self.p_mw[s, t]) / base, float(self.q_mvar[s, t]) / base
            frame.at[s, t].withdraw(self.place.node, -p * block.left_out[s, t], -q * block.left_out[s, t])

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Serve everything."""
        assign(block.left_out, 0.0)

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Nothing: what it is worth to serve is up to the search."""
        return {}

    def left_out(self, block: pyo.Block, frame: Frame) -> FloatArray:
        """Share (S, T) of the solved block."""
        return np.asarray(np.clip(read(block.left_out, frame) / frame.base_mva, 0.0, 1.0))

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Take back what is left out."""
        share = self.left_out(block, frame)
        return Schedule((Withdrawal(self.place.node, -share * self.p_mw, -share * self.q_mvar),))

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Return nothing."""
        return {}

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Nothing to check: it never leaves the search."""
        return []
