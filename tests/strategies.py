"""Hypothesis strategies over the random nets.

What is drawn is a ``NetSpec``, a seed and plain options, so that a failing example prints as one line to
paste, and shrinking drops options one by one until only those that matter are left.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from pandapower.auxiliary import pandapowerNet

from adnflex.grid import Grid
from tests.nets import Limits, Present, SwitchStyle, random_net


@dataclass(frozen=True)
class NetSpec:
    """All that ``random_net`` needs."""

    seed: int
    n_bus: tuple[int, int] = (4, 9)
    n_loops: tuple[int, int] = (1, 3)
    generation: bool = False
    two_sources: bool = False
    parallel_switches: bool = False
    shunts: bool = False
    transformers: bool = False
    trafo_switches: bool = False
    charging: bool = False
    zip_loads: bool = False
    couplers: bool = False
    storage: bool = False
    out_of_service: bool = False
    odd_indices: bool = False
    switch_style: SwitchStyle = "switches"
    present: Present = "any"
    limits: Limits = "generous"

    def net(self) -> pandapowerNet:
        """Build the net; every call returns a new, equal one."""
        options = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "seed"}
        return random_net(np.random.default_rng(self.seed), **options)

    def __repr__(self) -> str:
        """Only what differs from the defaults."""
        shown = [f"{f.name}={v!r}" for f in fields(self) if (v := getattr(self, f.name)) != f.default]
        return f"NetSpec({', '.join(shown)})"


FLAGS = tuple(f.name for f in fields(NetSpec) if f.type == "bool")


def _settle(options: dict[str, Any]) -> NetSpec:
    """Drop the options that cannot go together rather than filter, which would waste examples."""
    if options["switch_style"] == "in_service":
        options |= {"couplers": False, "trafo_switches": False}
    if not options["transformers"]:
        options["trafo_switches"] = False
    return NetSpec(**options)


def net_specs(*, max_bus: int = 9, max_loops: int = 3, **fixed: Any) -> st.SearchStrategy[NetSpec]:
    """Specs with all options free but those in ``fixed``, each of which is a value or a strategy of its own.

    ``net_specs(generation=False, limits="tight")``
    """
    parts: dict[str, st.SearchStrategy[Any]] = {
        "seed": st.integers(0, 2**16 - 1),
        "n_bus": st.integers(4, max_bus).map(lambda n: (n, n)),
        "n_loops": st.integers(1, max_loops).map(lambda n: (n, n)),
        **{name: st.booleans() for name in FLAGS},
        # the simplest comes first: that is what shrinking aims at
        "switch_style": st.sampled_from(["switches", "in_service", "mixed"]),
        "present": st.sampled_from(["radial", "meshed", "unsupplied"]),
        "limits": st.sampled_from(["generous", "none", "tight"]),
    }
    if unknown := set(fixed) - set(parts):
        raise TypeError(f"unknown options: {sorted(unknown)}")
    for name, value in fixed.items():
        parts[name] = value if isinstance(value, st.SearchStrategy) else st.just(value)
    return st.fixed_dictionaries(parts).map(_settle)


def nets(**options: Any) -> st.SearchStrategy[pandapowerNet]:
    """Return the nets themselves; prefer ``net_specs`` where a failure is to be read."""
    return net_specs(**options).map(NetSpec.net)


def random_spec(seed: int) -> NetSpec:
    """Options of every kind: few at once, half or nearly all."""
    rng = np.random.default_rng([11, seed])
    share = rng.choice([0.15, 0.5, 0.85])
    options = {flag: bool(rng.random() < share) for flag in FLAGS}
    style = str(rng.choice(["switches", "switches", "mixed", "in_service"]))
    if style == "in_service":
        options |= {"couplers": False, "trafo_switches": False}
    if not options["transformers"]:
        options["trafo_switches"] = False
    return NetSpec(seed, switch_style=style, present="radial", **options)


def other_states(grid: Grid, rng: np.random.Generator, count: int) -> list[NDArray[np.bool_]]:
    """Random spanning trees that hold all fixed branches, all roots counted as one node."""
    found = []
    for _ in range(count):
        group = np.where(np.isnan(grid.root_v), np.arange(grid.n), grid.n)
        closed = ~grid.switchable
        fixed, free = np.flatnonzero(closed), rng.permutation(np.flatnonzero(grid.switchable))
        for k in [*fixed, *free]:
            a, b = group[grid.f[k]], group[grid.t[k]]
            closed[k] = a != b or not grid.switchable[k]
            group[group == b] = a
        found.append(closed)
    return found
