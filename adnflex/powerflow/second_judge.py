"""A second judge: power-grid-model solves all states of a grid by its own Newton-Raphson."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adnflex.arrays import ComplexArray, FloatArray
from adnflex.errors import InputError, SolverUnavailable
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow, losses
from adnflex.grid.topology import Adjacency

# Every node is given this rated voltage [V]; branches carry the ratios.
_RATED = 1e3
# Short-circuit power of a source [pu], far beyond that of any network: its voltage is held.
_STIFF = 1e10
_TOLERANCE, _STEPS = 1e-10, 60


def power_grid_model(grid: Grid) -> Callable[..., Flow]:
    """Make what solves a grid for many withdrawals at once, as a batch.

    Parameters
    ----------
    grid : Grid
        The grid; its branches are given as pi models without charging, which stands at the nodes.

    Returns
    -------
    callable
        Of P, Q (B, n), and of shunts and squared voltages of roots (B, n) or None [pu].

    Raises
    ------
    SolverUnavailable
        If power-grid-model is not installed.
    InputError
        If the grid is not radial.
    """
    try:
        import power_grid_model as pgm
    except ImportError as error:
        raise SolverUnavailable(
            "engine is 'power-grid-model', which is not installed; install it by "
            "pip install adnflex[power-grid-model], or give engine='auto'."
        ) from error
    tree = Adjacency(grid).forest(grid.closed)
    if tree is None:
        raise InputError("the net is not radial in this state.")
    model = pgm.PowerGridModel(_input(pgm, grid))

    def solve(p: FloatArray, q: FloatArray, y: ComplexArray | None, root_v: FloatArray | None) -> Flow:
        found = model.calculate_power_flow(
            update_data=_update(pgm, grid, p, q, y, root_v),
            error_tolerance=_TOLERANCE,
            max_iterations=_STEPS,
            continue_on_batch_error=True,
            output_component_types=["node", "generic_branch", "source"],
        )
        failed = [] if model.batch_error is None else list(model.batch_error.failed_scenarios)
        return _flow(grid, tree, found, failed)

    return solve


def _update(
    pgm: Any, grid: Grid, p: FloatArray, q: FloatArray, y: ComplexArray | None, root_v: FloatArray | None
) -> dict[str, np.ndarray]:
    """Return what differs from state to state."""
    ids = _ids(grid)

    def table(kind: str, number: str, **columns: np.ndarray) -> np.ndarray:
        made = pgm.initialize_array("update", kind, (len(p), len(ids[number])))
        made["id"] = ids[number]
        for name, values in columns.items():
            made[name] = values
        return np.asarray(made)

    found = {"sym_load": table("sym_load", "load", p_specified=p * _base(grid), q_specified=q * _base(grid))}
    if y is not None:
        drawn = (grid.shunts(grid.closed) - grid.y + y) / _ohm(grid)
        found["shunt"] = table("shunt", "shunt", g1=drawn.real, b1=drawn.imag)
    if root_v is not None:
        found["source"] = table("source", "source", u_ref=np.sqrt(root_v[:, grid.roots]))
    return found


def _ohm(grid: Grid) -> float:
    return _RATED**2 / _base(grid)


def _base(grid: Grid) -> float:
    return 1e6 * grid.base_mva


def _ids(grid: Grid) -> dict[str, np.ndarray]:
    """Numbers of all components: nodes, branches, loads, shunts and sources one after another."""
    sizes = {"node": grid.n, "branch": grid.m, "load": grid.n, "shunt": grid.n, "source": len(grid.roots)}
    ends = np.cumsum([0, *sizes.values()])
    return {name: np.arange(ends[k], ends[k + 1]) for k, name in enumerate(sizes)}


def _input(pgm: Any, grid: Grid) -> dict[str, np.ndarray]:
    ids, ohm = _ids(grid), _ohm(grid)

    def table(kind: str, number: str, **columns: Any) -> np.ndarray:
        made = pgm.initialize_array("input", kind, len(ids[number]))
        made["id"] = ids[number]
        for name, values in columns.items():
            made[name] = values
        return np.asarray(made)

    drawn = grid.shunts(grid.closed)
    steady = {"status": 1, "node": ids["node"]}
    return {
        "node": table("node", "node", u_rated=_RATED),
        "generic_branch": table(
            "generic_branch", "branch", from_node=grid.f, to_node=grid.t, from_status=1, to_status=1,
            r1=grid.r * ohm, x1=grid.x * ohm, g1=0.0, b1=0.0, k=grid.ratio, theta=0.0, sn=_base(grid),
        ),
        "sym_load": table(
            "sym_load", "load", type=pgm.LoadGenType.const_power, p_specified=0.0, q_specified=0.0, **steady
        ),
        "shunt": table("shunt", "shunt", g1=drawn.real / ohm, b1=drawn.imag / ohm, **steady),
        "source": table(
            "source", "source", node=grid.roots, status=1, u_ref=np.sqrt(grid.root_v[grid.roots]),
            sk=_STIFF * _base(grid),
        ),
    }  # fmt: skip


def _flow(grid: Grid, tree: Any, found: Mapping[Any, np.ndarray], failed: list[int]) -> Flow:
    node, branch, source = (found[kind] for kind in ("node", "generic_branch", "source"))
    v = node["u_pu"] ** 2
    v[failed] = np.nan
    base = _base(grid)
    # what leaves the from end enters the impedance: an ideal ratio loses nothing, and charging stands at the nodes
    p, q = branch["p_from"] / base, branch["q_from"] / base
    squared = (p**2 + q**2) / (v[:, grid.f] / grid.ratio**2)
    supplied = np.zeros(v.shape, dtype=complex)
    supplied[:, grid.roots] = (source["p"] + 1j * source["q"]) / base
    current = np.conj((p + 1j * q) / np.sqrt(v[:, grid.f]) * grid.ratio)
    return Flow(grid.closed, v, p, q, squared, losses(grid, grid.closed, v, squared), tree, current, supplied)
