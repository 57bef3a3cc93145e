"""The verdict on a box: trajectories inside it, pushed back hour by hour and run in full AC."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandapower import pandapowerNet

from adnflex.algorithms.workers import run_each
from adnflex.grid.setpoints import Follow
from adnflex.powerflow.limits import LIMIT_COLUMNS, VIOLATION_COLUMNS, measure_limits
from adnflex.powerflow.run import losses_mw, not_converged, run_ac
from adnflex.powerflow.structure import is_radial, unsupplied
from adnflex.results.flexibility import Flexibility

__all__ = ["AcState", "measure_states"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class AcState:
    """What one power flow says.

    Attributes
    ----------
    period : int
        The period.
    share : float
        0 at the lower end, 1 at the upper one.
    row : dict
        A row of `FlexibilityCheck.ac`.
    limits, violations : pandas.DataFrame
        See `adnflex.powerflow.limits.measure_limits`.
    fault : str
        Why the state cannot be: no power flow solution, not radial, buses without supply; empty where it can.
    """

    period: int
    share: float
    row: dict[str, object]
    limits: pd.DataFrame
    violations: pd.DataFrame
    fault: str


def measure_states(
    flex: Flexibility,
    net: pandapowerNet,
    source: tuple[str, int],
    shares: FloatArray,
    executor: Executor | None = None,
) -> list[AcState]:
    """Run every period at its shares.

    Parameters
    ----------
    flex : Flexibility
        The box.
    net : pandapowerNet
        The net behind the coupling point.
    source : (str, int)
        The source whose import counts.
    shares : (T, K) array
        Shares by period.
    executor : concurrent.futures.Executor, optional
        Runs periods side by side.
    """
    work = partial(_one_period, flex, net, source)
    tasks = [(t, shares[k]) for k, t in enumerate(flex.box.index)]
    parts = run_each(work, tasks, executor)
    return [state for part in parts for state in part]


def _one_period(
    flex: Flexibility, net: pandapowerNet, source: tuple[str, int], task: tuple[int, FloatArray]
) -> list[AcState]:
    period, shares = task
    follow = Follow(flex, net)
    low, high = flex.setpoints_lower.loc[period], flex.setpoints_upper.loc[period]
    found = []
    for k, share in enumerate(shares.tolist()):
        new = follow.write(low + share * (high - low))
        found.append(_measure(new, flex, source, period, share, first=k == 0))
    return found


def _measure(
    new: pandapowerNet, flex: Flexibility, source: tuple[str, int], period: int, share: float, first: bool
) -> AcState:
    nothing = pd.DataFrame(columns=VIOLATION_COLUMNS)
    row: dict[str, object] = {"period": period, "share": share}
    if not run_ac(new):
        return AcState(period, share, row, nothing, nothing, not_converged())
    fault = _structure(new, flex) if first else ""
    limits, violations, _ = measure_limits(new, flex.vm_limits)
    table, index = source
    vm = new.res_bus["vm_pu"].dropna()
    loading = {
        (element, int(i)): float(x)
        for element in ("line", "trafo")
        if len(new[element])
        for i, x in new[f"res_{element}"]["loading_percent"].items()
        if np.isfinite(x)
    }
    worst = max(loading, key=lambda key: loading[key]) if loading else ("", -1)
    row |= {
        "import_mw": float(new[f"res_{table}"].at[index, "p_mw"]),
        "vm_min_pu": float(vm.min()),
        "vm_min_bus": int(vm.idxmin()),
        "vm_max_pu": float(vm.max()),
        "vm_max_bus": int(vm.idxmax()),
        "loading_percent": loading.get(worst, np.nan),
        "loading_element": worst[0],
        "loading_index": worst[1],
        "losses_mw": losses_mw(new),
    }
    return AcState(period, share, row, limits, violations, fault)


def _structure(new: pandapowerNet, flex: Flexibility) -> str:
    switches = flex.switches if len(flex.switches) else pd.DataFrame({"element": [], "index": []})
    if not is_radial(new, switches):
        return "a closed path remains: the net is not radial"
    alive = new.bus.index[new.bus["in_service"].astype(bool)]
    known = alive[[b in flex.coordinates.index for b in alive]] if len(flex.coordinates) else alive
    dark = unsupplied(new, known) if len(flex.switches) else []
    return f"bus {', '.join(map(str, dark[:5]))} would be without supply" if dark else ""


def worst_limits(states: Sequence[AcState]) -> pd.DataFrame:
    """Worst place and period of every kind of limit."""
    parts = [s.limits.assign(period=s.period, share=s.share) for s in states if len(s.limits)]
    columns = [*LIMIT_COLUMNS[:2], "period", *LIMIT_COLUMNS[2:]]
    if not parts:
        return pd.DataFrame(columns=columns)
    every = pd.concat(parts, ignore_index=True)
    rows = []
    for _, group in every.groupby(["kind", "element"], sort=False):
        row = group.loc[group["margin"].idxmin()].copy()
        row["checked"] = int(group["checked"].sum())
        rows.append(row)
    return pd.DataFrame(rows)[columns].reset_index(drop=True)
