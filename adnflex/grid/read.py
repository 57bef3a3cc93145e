"""Read a pandapower net into a `Grid`; the caller's net is never written to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.errors import InputError, UnsupportedElement
from adnflex.garbage import without_garbage_search
from adnflex.grid.branches import branch_rows
from adnflex.grid.checks import limit_faults, require_sound
from adnflex.grid.identity import fingerprint_of_sound
from adnflex.grid.model import Grid, SwitchableBranch
from adnflex.grid.nodes import bus_groups, has_injection, root_voltages, voltage_limits
from adnflex.grid.notes import coupler_faults, dead_notes, import_notes, zip_notes
from adnflex.grid.options import power_flow_options
from adnflex.grid.ppc import Matrices, matrices
from adnflex.grid.private_copy import private_copy
from adnflex.grid.ratings import collect_ratings
from adnflex.grid.sound import checked, table_faults
from adnflex.grid.switching import decisions, is_ideal_switch, locked_open_lines
from adnflex.grid.tap_effect import tap_notes
from adnflex.grid.taps import with_taps
from adnflex.knobs import Limits, Switching

# Limits of the net alone; everything free that carries a switch.
_OWN, _FREE = Limits(), Switching()


@without_garbage_search()
def read_grid(
    net: pandapowerNet,
    *,
    limits: Limits = _OWN,
    switching: Switching = _FREE,
    need_limits: bool = True,
    tap_trafos: Iterable[int] = (),
    converters: bool = False,
) -> Grid:
    """Read a net into frozen arrays, with the branches that may be switched marked.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    limits : Limits
        What stands in place of the limits of the net.
    switching : Switching
        What may be switched.
    tap_trafos : iterable of int
        Transformers whose tap position is a decision (see `Grid.taps`).
    converters : bool
        Whether controllable dclines are decisions: they are no branches and withdraw nothing here.
    need_limits : bool
        Whether missing voltage limits are a fault (they are, unless only a power flow is wanted).

    Returns
    -------
    Grid
        One node a group of fused buses, one branch a line, transformer or switch.

    Raises
    ------
    InputError, UnsupportedElement
        With every fault found.

    Notes
    -----
    Branch parameters come from pandapower's own converter, on a private copy in which every branch that
    may be switched is closed.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> grid = read_grid(pn.case33bw())
    >>> grid.n, grid.m, int(grid.switchable.sum()), int((~grid.closed).sum())
    (33, 37, 37, 5)
    """
    net, tables = checked(net)
    if tables.types:
        raise InputError([*tables.types, *tables.values])
    identity, found = fingerprint_of_sound(net), limits.faults(net)
    if not found and (limited := limits.on(net)) is not net:
        net, tables = limited, table_faults(limited)
    if not found and need_limits:
        found = limit_faults(net)
    chosen, choice_faults = decisions(net, switching)
    require_sound(net, tables, [*found, *choice_faults], converters)
    study = _closed_copy(net, chosen)
    try:
        mats = matrices(study, power_flow_options(net))
    except MemoryError:
        raise
    except Exception as error:  # pandapower raises many kinds; the reader needs one sentence
        raise InputError(f"pandapower cannot convert the net: {type(error).__name__}: {error}") from error
    couplers = [d.index for d in chosen if d.element == "switch" and is_ideal_switch(net, d.index)]
    if faults := coupler_faults(net, couplers, mats.node_of):
        raise UnsupportedElement(faults)
    volts = voltage_limits(net, mats.node_of, len(mats.p))
    held = [d for d in locked_open_lines(net, chosen) if d.index in switching.locked_lines]
    notes = [*tap_notes(study), *zip_notes(net, mats, volts), *dead_notes(net, mats.node_of, held), *import_notes(net)]
    grid = _assemble(net, mats, chosen, notes, volts, identity)
    tapped = [int(i) for i in tap_trafos]
    return with_taps(net, study, mats, grid, tapped) if tapped else grid


def _closed_copy(net: pandapowerNet, chosen: Sequence[SwitchableBranch]) -> pandapowerNet:
    """Copy the net with every branch that may be switched closed.

    A bus-bus switch that may be switched gets an impedance for the moment, so that pandapower keeps it as a
    branch instead of fusing its buses.
    """
    study = private_copy(net)
    for element, kind in (("line", "l"), ("trafo", "t")):
        mine = [d.index for d in chosen if d.element == element]
        if mine:
            study[element].loc[mine, "in_service"] = True
            here = (study.switch["et"] == kind) & study.switch["element"].isin(mine)
            study.switch.loc[here, "closed"] = True
    couplers = [d.index for d in chosen if d.element == "switch"]
    if couplers:
        study.switch.loc[couplers, "closed"] = True
        ideal = [s for s in couplers if is_ideal_switch(net, s)]
        study.switch.loc[ideal, "z_ohm"] = 1.0
    return study


def _assemble(
    net: pandapowerNet,
    mats: Matrices,
    chosen: Sequence[SwitchableBranch],
    notes: list[str],
    volts: tuple[FloatArray, FloatArray],
    identity: str,
) -> Grid:
    """Put nodes and branches together, per unit on the grid's own base."""
    base_mva = _base_mva(net, mats)
    s, n = base_mva / float(net.sn_mva), len(mats.p)
    by_key = {(d.element, d.index): d for d in chosen}
    rows, self_loops = branch_rows(net, mats, by_key, base_mva)
    y = mats.y / s
    element_of = {row: key for key, row in mats.row_of.items()}
    for k in self_loops:
        if abs(mats.ratio[k] - 1) > 1e-9 or abs(mats.shift[k]) > 1e-9:
            raise UnsupportedElement(
                f"{' '.join(map(str, element_of[k]))}: both ends are one bus (closed couplers) and its voltage ratio "
                f"is {mats.ratio[k]:.6g} with a shift of {mats.shift[k]:.6g} degrees, so it circulates current; open "
                "it or a coupler."
            )
        # between fused buses nothing flows, but the charging stays at the node
        y[mats.f[k]] += (mats.y_from[k] / mats.ratio[k] ** 2 + mats.y_to[k]) / s
        if element_of[k] in by_key:
            element, index = element_of[k]
            notes.append(f"{element} {index}: both ends are one bus (closed couplers); it stays as it is.")

    def column(name: str, kind: type) -> np.ndarray:
        return np.array([getattr(row, name) for row in rows], dtype=kind)

    return Grid(
        base_mva=base_mva,
        buses=bus_groups(mats.node_of, n),
        node_of=dict(mats.node_of),
        base_kv=mats.base_kv,
        v_min=volts[0],
        v_max=volts[1],
        p=mats.p / s,
        q=mats.q / s,
        has_injection=has_injection(net, mats.node_of, n),
        y=y,
        z_share_p=mats.z_share_p,
        z_share_q=mats.z_share_q,
        root_v=root_voltages(net, mats.node_of, n),
        f=column("f", np.int64),
        t=column("t", np.int64),
        r=column("r", float),
        x=column("x", float),
        ratio=column("ratio", float),
        y_from=column("y_from", complex),
        y_to=column("y_to", complex),
        open_from=column("open_from", complex),
        open_to=column("open_to", complex),
        ratings=collect_ratings([row.branch for row in rows]),
        switchable=np.array([row.branch.decision is not None for row in rows], dtype=np.bool_),
        closed=np.array([row.branch.decision is None or row.branch.decision.closed for row in rows], dtype=np.bool_),
        branches=tuple(row.branch for row in rows),
        notes=tuple(notes),
        fingerprint=identity,
        locked=locked_open_lines(net, chosen),
    )


def _base_mva(net: pandapowerNet, mats: Matrices) -> float:
    """Power of ten at or below the load, so that flows are of order one."""
    total = float(np.hypot(np.abs(mats.p).sum(), np.abs(mats.q).sum()) + np.abs(mats.y).sum()) * float(net.sn_mva)
    return float(10.0 ** np.floor(np.log10(total))) if total > 1e-6 else 1.0
