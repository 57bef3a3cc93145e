"""Outages of random nets and what few operations bring back, against brute force that imports nothing of adnflex."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from pandapower.topology import unsupplied_buses

import adnflex
from adnflex.errors import AdnflexError
from tests.nets import random_net
from tests.problems.test_restoration import tight_feeders
from tests.restoration_oracle import Oracle

# Net, limits of voltages [pu], what is out, operations.
Case = tuple[Any, tuple[float, float], tuple[str, int], int]

TRIES = 500
ABOUT = (
    "Outages of lines, transformers and sources of random nets (blocks without switches, two sources, generation, "
    "parallel ties, couplers), up to three operations: dark and restored load and the number of operations against all "
    "sets run by pandapower, and the check of every state. Then three feeders with four ties and tight ratings, up to "
    "three and up to five operations, until closing ties alone, in any order, restores less than the oracle in a fifth "
    "as many of them."
)


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Compare so many nets, one outage each."""
    rows: dict[str, list[str]] = {}
    for k in range(tries):
        kind, fault = _try(next(_cases(10_000 * seed + k)), f"seed {10_000 * seed + k}")
        rows.setdefault(kind, []).append(fault)
    needed, k = 0, 0
    while needed < tries // 5 and k < 2 * tries:
        kind, fault = _try(_tight(10_000 * seed + k), f"feeders {10_000 * seed + k}")
        rows.setdefault(f"feeders: {kind}", []).append(fault)
        needed, k = needed + kind.startswith("closing alone"), k + 1
    return [
        {
            "kind": kind,
            "tries": len(found),
            "failures": sum(bool(fault) for fault in found),
            "example": next((fault for fault in found if fault), ""),
        }
        for kind, found in sorted(rows.items())
    ]


def _tight(seed: int) -> Case:
    """Three feeders, any of whose lines fails."""
    rng = np.random.default_rng(seed)
    return tight_feeders(seed), (0.9, 1.1), ("line", int(rng.integers(8))), int(rng.choice([3, 3, 3, 5]))


def _try(case: Case, name: str) -> tuple[str, str]:
    """Compare one outage: what kind it is, and what is wrong."""
    net, limits, key, most = case
    try:
        oracle = Oracle(net, limits)
    except AssertionError:
        return "no power flow as it stands", ""
    try:
        found = adnflex.restore(net, key, max_operations=most, vm_limits=limits)
    except AdnflexError as error:
        named = any(words in str(error) for words in ("not radial", "max_loading_percent", "cannot be supplied"))
        return "refused by name", "" if named else f"{name}: {error}"
    want = oracle.best(*key, most, alone=True)
    check = adnflex.validate(found, net)
    kind = (
        "nothing meets the limits" if want.mw is None
        else "closing alone restores less" if want.alone_mw is not None and want.alone_mw < want.mw - 1e-6
        else "an opening saves operations or losses" if want.sheds or want.transfers
        else "nothing comes back" if want.mw < 1e-9
        else "ties alone"
    )  # fmt: skip
    told, right = (found.restored_mw, found.operations), (want.mw, want.operations)
    wrong = []
    if abs(found.dark_mw - want.dark_mw) > 1e-9:
        wrong.append(f"dark {found.dark_mw} MW, not {want.dark_mw}")
    if (want.mw is None) != (found.status == "infeasible"):
        wrong.append(f"{found.status}, not {want}")
    elif want.mw is not None and not np.allclose(told, right, atol=1e-8, rtol=0):
        wrong.append(f"{told}, not {right}")
    elif want.mw is not None and not check.passed:
        wrong.append(check.verdict)
    return kind, f"{name}, {key}, {most} operations: {'; '.join(wrong)}" if wrong else ""


def _cases(seed: int) -> Iterator[Case]:
    """Nets that can be built from a seed on, with limits that may bind, an element that fails, and operations."""
    rng = np.random.default_rng(seed)

    def flag(share: float = 0.4) -> bool:
        return bool(rng.random() < share)

    while True:
        style: Any = ["switches", "switches", "in_service", "mixed"][rng.integers(4)]
        transformers = flag(0.3)
        try:
            net = random_net(
                rng, n_bus=(7, 12), n_loops=(2, 4), generation=flag(), two_sources=flag(), parallel_switches=flag(),
                shunts=flag(0.2), transformers=transformers,
                trafo_switches=transformers and style != "in_service" and flag(), charging=flag(),
                couplers=style != "in_service" and flag(0.3), storage=flag(0.2), out_of_service=flag(0.2),
                odd_indices=flag(0.3), switch_style=style, present="radial",
                limits="tight" if flag(0.6) else "generous",
            )  # fmt: skip
        except (RuntimeError, ValueError):
            continue
        net.load["scaling"] = float(rng.choice([0.6, 1.0, 1.4]))
        limits = [(0.9, 1.1), (0.94, 1.06), (0.955, 1.05), (0.965, 1.04)][rng.integers(4)]
        keys = [("line", int(i)) for i in net.line.index[net.line.in_service.astype(bool)]]
        if flag(0.15):
            keys = [(t, int(i)) for t in ("trafo", "ext_grid") for i in net[t].index[net[t].in_service.astype(bool)]]
        order = [keys[k] for k in rng.permutation(len(keys))]
        yield net, limits, next(filter(partial(_helps, net), order), order[0]), int(rng.choice([2, 3, 3]))


def _helps(net: Any, key: tuple[str, int]) -> bool:
    """Whether an outage makes buses dark that closing everything would supply."""
    without = deepcopy(net)
    without[key[0]].loc[key[1], "in_service"] = False
    dark = unsupplied_buses(without)
    without.switch["closed"] = True
    without.line.loc[without.line.index != key[1] if key[0] == "line" else slice(None), "in_service"] = True
    return bool(dark - unsupplied_buses(without) - unsupplied_buses(net))


if __name__ == "__main__":
    for row in campaign(int(sys.argv[1]), int(sys.argv[2])):
        print(row)
