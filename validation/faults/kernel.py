"""The exact kernel for many states against pandapower, state by state, on public networks.

Powers of everything, positions of taps, voltages of sources, steps of shunts and shares of constant impedance are drawn
at random; every state that the arrays solve is run by pandapower as well.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import nets
import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import AdnflexError
from adnflex.powerflow import measure
from adnflex.powerflow.arrays import exact_kernel, solve_arrays
from adnflex.powerflow.states import Measured, tabulated
from adnflex.sources import open_net

TRIES = 165
ABOUT = (
    "Public networks as they stand, in six states of random powers, tap positions, source voltages and shares of "
    "constant impedance, solved as arrays and by pandapower. Wrong would be a traceback, a voltage that differs by "
    "more than 1e-8 pu, a current, an import or losses that differ by more than 1e-8 of the import and 1e-9 MVA a bus "
    "(the mismatch of pandapower), a refusal that is no error of adnflex, and a state solved where pandapower has none."
)

_STATES, _AGREES = 6, 1e-8
# Largest networks whose states pandapower runs here [buses].
_LARGEST = 4000


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Try nets of all three sources, all of them or as many as asked for."""
    every = [*nets._pandapower(), *nets._matpower(), *nets._simbench(seed)]
    rng = np.random.default_rng(seed)
    chosen = every if tries >= len(every) else [every[i] for i in np.sort(rng.permutation(len(every))[:tries])]
    rows = []
    for kind in dict.fromkeys(name for name, _ in every):
        outcomes = [(source, *_try(source, seed)) for name, source in chosen if name == kind]
        bad = [f"{source}: {words}" for source, outcome, words, _ in outcomes if outcome == "failed"]
        counts = Counter(words for _, outcome, words, _ in outcomes if outcome != "failed")
        off = max((apart for *_, apart in outcomes), default=0.0)
        summary = "; ".join(f"{n} {words}" for words, n in counts.most_common())
        told = "; ".join(bad) or f"{summary}; largest difference {off:.1e}"
        rows.append({"kind": kind, "tries": len(outcomes), "failures": len(bad), "example": told})
    return rows


def _try(source: str, seed: int) -> tuple[str, str, float]:
    """Outcome (passed, refused, failed) of one net, in what words, and the largest difference."""
    start = time.monotonic()
    try:
        found = _outcome(source, seed)
    except Exception as error:  # whatever it is, it is what the campaign looks for
        found = "failed", f"{type(error).__name__}: {error}", 0.0
    print(f"{source}: {found[0]}, {found[1][:150]}, {found[2]:.1e} ({time.monotonic() - start:.0f} s)", flush=True)
    return found


def _outcome(source: str, seed: int) -> tuple[str, str, float]:
    try:
        net, _ = open_net(source)
        if len(net.bus) > _LARGEST:
            return "refused", f"more than {_LARGEST} buses", 0.0
        table = _states(net, np.random.default_rng(seed))
        states, refused = solve_arrays(net, table, None, exact_kernel)
    except AdnflexError as error:
        return "refused", nets._reason(error), 0.0
    if refused:
        return "refused", nets._reason(AdnflexError(refused[0])), 0.0
    truth, found = measure(net, table), tabulated(net, states, table.index)
    both = found.converged & truth.converged
    if (found.converged & ~truth.converged).any():
        return "failed", "solved where pandapower has no solution", 0.0
    if not both.any():
        return "passed", "no state has a solution", 0.0
    apart = _apart(net, found.each(lambda t: t[both]), truth.each(lambda t: t[both]))
    holes = [(getattr(found, n)[both].isna() != getattr(truth, n)[both].isna()).to_numpy().any() for n in _TABLES]
    if any(holes):
        return "failed", "a value where pandapower has none, or none where it has one", apart
    words = "equal" if both.all() == truth.converged.all() else "equal, a state is left to pandapower"
    return ("passed", words, apart) if apart <= _AGREES else ("failed", f"differs by {apart:.1e}", apart)


def _apart(net: pandapowerNet, found: Measured, truth: Measured) -> float:
    """Largest difference in pu, of powers and currents relative to the import, less the mismatch of pandapower."""
    power = max(float(np.nanmax(np.abs(truth.sources))), 1e-9)
    known = 1e-9 * len(net.bus)
    kv = [net.bus["vn_kv"].reindex(net[t][c]).to_numpy() for t, c in (("line", "from_bus"), ("trafo", "hv_bus"))]
    mva = np.abs(found.i_ka - truth.i_ka).to_numpy() * np.sqrt(3) * np.concatenate(kv)
    parts = [
        mva,
        np.abs(found.sources - truth.sources).to_numpy(),
        np.abs(found.losses_mw - truth.losses_mw).to_numpy(),
    ]
    off = max(float(np.nanmax(part, initial=0.0)) for part in parts)
    return max(
        float(np.nanmax(np.abs(found.vm_pu - truth.vm_pu).to_numpy(), initial=0.0)), max(off - known, 0.0) / power
    )


_TABLES = ("vm_pu", "loading_percent", "i_ka", "loss_mw", "sources")


def _states(net: pandapowerNet, rng: np.random.Generator) -> pd.DataFrame:
    """Random set-points of everything that arrays hold; shares of constant impedance are written into the net."""
    columns: dict[tuple[str, str, int], np.ndarray] = {}
    for table in ("load", "sgen", "storage"):
        for column in ("p_mw", "q_mvar"):
            for index, value in net[table][column].items():
                columns[table, column, int(index)] = float(value) * rng.uniform(0.1, 0.9, _STATES)
    for index, value in net.ext_grid["vm_pu"].items():
        columns["ext_grid", "vm_pu", int(index)] = float(value) * rng.uniform(0.99, 1.02, _STATES)
    for index, row in net.trafo.iterrows():
        ends = [row.get(c, np.nan) for c in ("tap_pos", "tap_min", "tap_max")]
        if all(isinstance(v, (int, float, np.number)) and np.isfinite(v) for v in ends):
            around = np.clip(int(ends[0]) + rng.integers(-2, 3, _STATES), int(ends[1]), int(ends[2]))
            columns["trafo", "tap_pos", int(index)] = around.astype(float)
    for index, row in net.shunt.iterrows():
        columns["shunt", "step", int(index)] = rng.integers(0, int(row["step"]) + 1, _STATES).astype(float)
    if rng.random() < 0.5 and len(net.load):
        for column in ("const_z_p_percent", "const_z_q_percent"):
            net.load[column] = rng.uniform(0, 60, len(net.load))
        for column in ("const_i_p_percent", "const_i_q_percent"):
            net.load[column] = 0.0
    return pd.DataFrame(columns, index=pd.RangeIndex(_STATES, name="period"))
