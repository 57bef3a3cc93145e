"""The P-Q region of CIGRE MV against exhaustive sampling of its dispatches in AC power flow.

Three cases: the net with its photovoltaics and wind as published (inverters with their whole circle), the same with
four times the generation, where voltage and line limits cut the region, and that with five taps at the first
transformer.  For each, thousands of dispatches are drawn without a look at the region: vertices of the devices'
ranges, rims in a common direction, and inside.  All run on the grid's own equations, every tenth in pandapower too,
which has to agree.

Asked: does every dispatch that meets every limit lie within the half-planes; does every stored point hold in a fresh
pandapower run; are random imports inside the inner polygons reached, by mixtures of the stored set-points run in
pandapower, within every limit.  Results are kept in ``pq_cigre.json`` beside this file.

    python validation/flexibility/pq_cigre.py [CASE ...] [--samples 8000]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common

from adnflex.algorithms.polygons import contains
from adnflex.grid import read_grid
from adnflex.grid.flow import flow_of
from adnflex.grid.topology import Adjacency
from adnflex.knobs import Switching
from adnflex.verbs.region import pq_region
from adnflex.verbs.validate_region import validate_region

RESULTS = Path(__file__).with_suffix(".json")
CASES: dict[str, dict[str, Any]] = {
    "published": {"scale": 1.0, "taps": (0,)},
    "four times the generation": {"scale": 4.0, "taps": (0,)},
    "four times and a tap changer": {"scale": 4.0, "taps": (-2, -1, 0, 1, 2)},
}
LIMITS = {"min_vm_pu": 0.92, "max_vm_pu": 1.05}
RUNPP = {"tolerance_mva": 1e-10, "numba": False, "max_iteration": 40, "trafo_model": "t"}
# Rounding of power flow that no limit minds.
SLACK = 1e-9


def build(scale: float, taps: tuple[int, ...]) -> Any:
    """CIGRE MV, radial as it stands, with inverters and limits."""
    net = pn.create_cigre_network_mv(with_der="pv_wind")
    net.sgen["p_mw"] *= scale
    net.sgen["sn_mva"] = 1.1 * net.sgen["p_mw"]
    net.sgen["controllable"] = True
    net.sgen["min_p_mw"], net.sgen["max_p_mw"] = 0.0, net.sgen["p_mw"]
    net.sgen["min_q_mvar"], net.sgen["max_q_mvar"] = -net.sgen["sn_mva"], net.sgen["sn_mva"]
    for column, value in LIMITS.items():
        net.bus[column] = value
    net.line["max_loading_percent"] = net.trafo["max_loading_percent"] = 100.0
    if len(taps) > 1:
        changer = {"tap_side": "hv", "tap_neutral": 0, "tap_min": min(taps), "tap_max": max(taps), "tap_pos": 0}
        changer |= {"tap_step_percent": 1.5, "tap_changer_type": "Ratio"}
        for column, value in changer.items():
            # the net has no tap changers, and its empty columns no type to keep
            net.trafo[column] = pd.Series([value, None if isinstance(value, str) else np.nan], index=net.trafo.index)
        net.trafo["controllable"] = [True, False]
    return net


def draw(net: Any, count: int, rng: np.random.Generator) -> np.ndarray:
    """Admissible p, q of every generator, (count, sgens, 2) [MW, Mvar]."""
    low, top, rated = (net.sgen[c].to_numpy(dtype=float) for c in ("min_p_mw", "max_p_mw", "sn_mva"))
    third = count // 4
    # vertices of the ranges: p at an end, q at an end or zero, every device alone or all alike
    many = (third, len(top))
    pick_p, pick_q = rng.integers(0, 2, many), rng.integers(-1, 2, many)
    alike = rng.random(third) < 0.3
    pick_p[alike], pick_q[alike] = pick_p[alike, :1], pick_q[alike, :1]
    p = np.where(pick_p == 1, top, low)
    vertices = np.stack([p, pick_q * np.sqrt(rated**2 - p**2)], axis=-1)
    # extremes of a direction of the sum, more or less common to all, scaled towards the middle or not
    rest = count - third
    angle = rng.uniform(0, 2 * np.pi, rest)
    towards = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None, :]
    towards = towards + rng.choice([0.0, 0.1, 0.5, 2.0], rest)[:, None, None] * rng.normal(size=(rest, len(top), 2))
    towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
    p = np.clip(rated * towards[..., 0], low, top)
    room = np.sqrt(rated**2 - p**2)
    at_end = (p == low) | (p == top)
    q = np.where(at_end, np.sign(towards[..., 1]) * room, np.clip(rated * towards[..., 1], -room, room))
    share = np.where(rng.random(rest) < 0.4, 1.0, rng.random(rest))[:, None]
    middle = (low + top) / 2
    return np.concatenate([vertices, np.stack([middle + share * (p - middle), share * q], axis=-1)])


def run_all(net: Any, samples: np.ndarray, taps: tuple[int, ...], rng: np.random.Generator) -> dict[str, Any]:
    """Import and verdict of every sample on the grid's equations, and how pandapower's differ on every tenth."""
    position = rng.choice(taps, len(samples))
    places, good, used = np.full((len(samples), 2), np.nan), np.zeros(len(samples), dtype=bool), 0
    off, differing = 0.0, 0
    for tap in taps:
        work = deepcopy(net)
        if len(taps) > 1:
            work.trafo.loc[0, "tap_pos"] = tap
        grid = read_grid(work, switching=Switching(switchable_lines=[]))
        nodes = [grid.node_of[int(b)] for b in work.sgen["bus"]]
        empty = grid.p.copy()
        np.add.at(empty, nodes, work.sgen["p_mw"].to_numpy() / grid.base_mva)
        named, adjacency = np.isnan(grid.root_v), Adjacency(grid)
        for k in np.flatnonzero(position == tap).tolist():
            p, q = empty.copy(), grid.q.copy()
            np.subtract.at(p, nodes, samples[k, :, 0] / grid.base_mva)
            np.subtract.at(q, nodes, samples[k, :, 1] / grid.base_mva)
            now = grid.replace(p=p, q=q)
            flow = flow_of(now, grid.closed, adjacency)
            if flow is not None:
                total = flow.supplied[grid.roots[0]] * grid.base_mva
                places[k] = total.real, total.imag
                vm = np.sqrt(flow.v[named])
                good[k] = (
                    (vm >= LIMITS["min_vm_pu"] - SLACK).all()
                    and (vm <= LIMITS["max_vm_pu"] + SLACK).all()
                    and (flow.loadings(now) <= 1 + SLACK).all()
                )
            if k % 10 == 0:
                result, used = in_pandapower(work, samples[k]), used + 1
                differing += int((result is not None and result[1]) != good[k])
                if result is not None and flow is not None:
                    off = max(off, float(np.abs(result[0] - places[k]).max()))
    return {"places": places, "good": good, "pandapower": used, "off": off, "differing": differing}


def in_pandapower(work: Any, sgens: np.ndarray) -> tuple[np.ndarray, bool] | None:
    """Import and verdict of a dispatch that is written into `work`."""
    work.sgen["p_mw"], work.sgen["q_mvar"] = sgens[:, 0], sgens[:, 1]
    try:
        pp.runpp(work, **RUNPP)
    except pp.LoadflowNotConverged:
        return None
    vm = work.res_bus["vm_pu"].drop(work.ext_grid["bus"])
    loading = max(float(work[f"res_{t}"]["loading_percent"].max()) for t in ("line", "trafo"))
    good = vm.between(LIMITS["min_vm_pu"] - SLACK, LIMITS["max_vm_pu"] + SLACK).all() and loading <= 100 * (1 + SLACK)
    return work.res_ext_grid.loc[0, ["p_mw", "q_mvar"]].to_numpy(dtype=float), bool(good)


def reach_inside(net: Any, region: Any, count: int, rng: np.random.Generator) -> dict[str, int]:
    """Random imports inside the polygons, each asked of a mixture of three stored set-points, in pandapower."""
    found = {"asked": 0, "reached": 0, "limits broken": 0, "not reached": 0}
    polygons = region.inner_polygons(0)
    for number, polygon in polygons.items():
        rows = region.inner.loc[(0, number)]
        middle = region.points.index[(region.points["role"] == "middle") & (region.points["combination"] == number)][0]
        labels = [*((0, int(k)) for k in rows["point"]), middle]
        places = region.points.loc[labels, ["p_mw", "q_mvar"]].to_numpy(dtype=float)
        values = region.setpoints.loc[labels].to_numpy(dtype=float)
        for target in inside(polygon, count // len(polygons), rng):
            found["asked"] += 1
            found[mixture(net, region, places, values, target)] += 1
    return found


def inside(polygon: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Uniformly random points of a polygon."""
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    points = rng.uniform(low, high, (40 * count, 2))
    return points[contains(polygon, points)][:count]


def mixture(net: Any, region: Any, places: np.ndarray, values: np.ndarray, target: np.ndarray) -> str:
    """Mix the set-points of the sector around a target until pandapower imports just that."""
    work, aim, last = deepcopy(net), target.copy(), len(places) - 1
    for _ in range(15):
        weights = None
        for k in range(last):
            three = [k, (k + 1) % last, last]
            w = np.linalg.solve(np.vstack([places[three].T, np.ones(3)]), [*aim, 1.0])
            if w[:2].min() >= -1e-9 and w[2] >= -5e-3:
                weights, setting = w, w @ values[three]
                break
        if weights is None:
            return "not reached"
        for (table, column, i), value in zip(region.setpoints.columns, setting, strict=True):
            work[table].loc[i, column] = value
        sgens = work.sgen[["p_mw", "q_mvar"]].to_numpy(dtype=float)
        result = in_pandapower(work, sgens)
        if result is None:
            return "limits broken"
        aim = aim + target - result[0]
        if np.abs(target - result[0]).max() < 1e-7:
            rated = np.hypot(*sgens.T) <= net.sgen["sn_mva"].to_numpy() + 1e-5
            return "reached" if result[1] and rated.all() else "limits broken"
    return "not reached"


def measure(name: str, samples: int, seed: int = 0) -> dict[str, Any]:
    """One case."""
    case, rng = CASES[name], np.random.default_rng(seed)
    net = build(**case)
    begin = time.monotonic()
    region = pq_region(net)
    seconds = time.monotonic() - begin
    check = validate_region(region, net)
    begin = time.monotonic()
    found = run_all(net, draw(net, samples, rng), case["taps"], rng)
    sampling = time.monotonic() - begin
    places = found["places"][found["good"]]
    planes = region.halfplanes.loc[0]
    beyond = places @ planes[["normal_p", "normal_q"]].to_numpy().T - planes["support_mva"].to_numpy()
    row = region.areas.loc[0]
    return {
        "outer_mw_mvar": row["outer"],
        "inner_mw_mvar": row["inner"],
        "ratio": row["ratio"],
        "combinations": row["combinations"],
        "half_planes": len(planes),
        "points": len(region.points),
        "points_passed_again": check.passed,
        "verdict": check.verdict,
        "imports_verified_on_edges_and_inside": row["sampled"],
        "seconds": seconds,
        "samples": len(found["good"]),
        "samples_feasible": len(places),
        "feasible_outside_outer": int((~region.in_outer(0, *places.T)).sum()),
        "largest_normal_minus_support_mva": float(beyond.max()),
        "feasible_in_inner_share": float(region.in_inner(0, *places.T).mean()),
        "samples_in_pandapower": found["pandapower"],
        "largest_difference_to_pandapower_mva": found["off"],
        "verdicts_that_differ": found["differing"],
        "inner_imports": reach_inside(net, region, 300, rng),
        "sampling_seconds": sampling,
    }


def main() -> int:
    """Run the cases, keep their records, say what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"one or more of {', '.join(CASES)}; by default all")
    parser.add_argument("--samples", type=int, default=8000, help="dispatches drawn for each case")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; give {', '.join(CASES)}")
    records = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    code = 0
    for name in arguments.cases or list(CASES):
        record = {**measure(name, arguments.samples), "environment": common.environment()}
        records[name] = common.plain(record)
        RESULTS.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        bad = record["feasible_outside_outer"] or not record["points_passed_again"]
        code = 1 if bad or record["inner_imports"]["limits broken"] else code
        print(
            f"{name}: outer {record['outer_mw_mvar']:.3f}, inner {record['inner_mw_mvar']:.3f} MW·Mvar "
            f"({record['ratio']:.1%}); {record['samples_feasible']} of {record['samples']} dispatches feasible, "
            f"{record['feasible_outside_outer']} of them outside; inner imports {record['inner_imports']}",
            flush=True,
        )
    return code


if __name__ == "__main__":
    sys.exit(main())
