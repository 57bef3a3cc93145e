r"""The feeder in one hour: what its nodes withdraw in scenarios of load, sun and wind.

With the load :math:`P_{bt}` that the net and its profile have, active power :math:`g, p, u` of the first stage
(generation, vehicles, charge), and independent standard normal :math:`\xi, \zeta`:

.. math::

    P_{bts} = P_{bt} (1 + \sigma_L \xi_{bs}) + p_{bt} + u_{bt} - g_{bt} (1 + \sigma_g \zeta_{bs}), \qquad
    Q_{bts} = Q_{bt} (1 + \sigma_L \xi_{bs})

What is spilled is fed in as well: the settlement pays nothing for it, and the feeder has to carry it.

References
----------
Xu et al., doi:10.3390/wevj16090515, section 2.3 (scenarios of load and of sun and wind; 5 % and 10 % are read from it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandapower.auxiliary import pandapowerNet

from adnflex.devices.inputs import truth
from adnflex.errors import InputError
from adnflex.grid import read_grid
from adnflex.grid.checks import shorten
from adnflex.grid.model import Grid
from adnflex.knobs import Limits, Switching
from adnflex.problems.dispatch.reactive import Sites
from adnflex.study import read_series, time_axis

__all__ = ["Hours", "Spread", "antithetic", "realised", "sites_of"]

_OWN = Limits()

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Spread:
    """Standard deviations, relative to what is expected.

    Attributes
    ----------
    load : float
        Of each load.
    generation : float
        Of each sun and wind generator.
    """

    load: float = 0.05
    generation: float = 0.1


def antithetic(count: int, loads: int, generators: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw standard normal scenarios in pairs of opposite sign, so that their mean is exactly what is expected.

    Returns
    -------
    (S, L) array, (S, G) array
        Of loads, and of generators; a single scenario, and the last of an odd number, is the expectation.

    Examples
    --------
    >>> xi, zeta = antithetic(5, 3, 2, np.random.default_rng(0))
    >>> xi.shape, zeta.shape, bool(abs(xi.sum(axis=0)).max() < 1e-12)
    ((5, 3), (5, 2), True)
    """
    half = rng.standard_normal((count // 2, loads + generators))
    both = np.concatenate([half, -half, np.zeros((count % 2, loads + generators))])
    return both[:, :loads], both[:, loads:]


def realised(loads: int, generators: int, seed: int, day: int, hour: int) -> tuple[Floats, Floats]:
    """Draw what really comes in an hour, (1, L) and (1, G) standard normal; nothing else uses this stream."""
    drawn = np.random.default_rng([seed, day, 3, hour]).standard_normal((1, loads + generators))
    return drawn[:, :loads], drawn[:, loads:]


@dataclass(frozen=True, eq=False)
class Hours:
    """The feeder's withdrawals as arrays, for L loads with a profile, G generators, F fleets, k storages.

    Attributes
    ----------
    grid : Grid
        The grid, all of whose branches are closed.
    load_index : (L,) int array
        Index in ``net.load`` of the loads with a profile.
    load_mva : (H, L) complex array
        What they are expected to withdraw [MW + j Mvar].
    load_node, generator_node, fleet_node, storage_node : int array
        Nodes of the grid.
    rest : (n,) complex array
        Withdrawal of everything else [pu].
    """

    grid: Grid
    load_index: Ints
    load_mva: NDArray[np.complex128]
    load_node: Ints
    generator_node: Ints
    fleet_node: Ints
    storage_node: Ints
    rest: NDArray[np.complex128]

    @classmethod
    def of(
        cls,
        net: pandapowerNet,
        hours: int,
        generators: Sequence[int],
        fleets: Sequence[int],
        storages: Sequence[int],
        load_factor: ArrayLike | None = None,
        limits: Limits = _OWN,
    ) -> Hours:
        """Read a net.

        Parameters
        ----------
        net : pandapowerNet
            The net; only read.
        hours : int
            Number H of hours.
        generators, fleets, storages : sequence of int
            What the first stage decides or is told, by index in ``net.sgen``, ``net.load`` and ``net.storage``.
        load_factor : array_like of (H,), optional
            Load of each hour relative to ``net.load``; by default the profiles of the net, else 1.
        limits : Limits
            What stands in place of the limits of the net, which have to be there.

        Raises
        ------
        InputError
            If the net is not radial, or a load depends on the voltage.
        """
        rows = net.trafo
        moving = (
            rows.index[[v is True or v == 1 for v in rows["controllable"]]] if "controllable" in rows.columns else []
        )
        alive = [int(k) for k in moving if bool(rows.at[k, "in_service"])]
        grid = read_grid(net, limits=limits, switching=Switching(switchable_lines=()), tap_trafos=alive)
        if (grid.z_share_p != 0).any() or (grid.z_share_q != 0).any():
            raise InputError(
                "the net has loads that depend on the voltage, and the rolling schedule's reactive power needs "
                "constant power; set const_z_p_percent and const_z_q_percent of net.load to 0."
            )
        loads = net.load[net.load["in_service"].astype(bool)]
        loads = loads[loads["bus"].isin(list(grid.node_of))]
        based = loads[~loads.index.isin(list(fleets))]
        node = np.array([grid.node_of[int(b)] for b in based["bus"]], dtype=np.int64)
        scaling = based["scaling"].to_numpy(float)
        now = (based["p_mw"].to_numpy(float) + 1j * based["q_mvar"].to_numpy(float)) * scaling
        rest = (grid.p + 1j * grid.q).astype(complex)
        np.subtract.at(rest, node, now / grid.base_mva)
        at_generators, at_fleets, at_storages = (
            np.array([grid.node_of[int(bus)] for bus in net[table].loc[list(index), "bus"]], dtype=np.int64)
            for table, index in (("sgen", generators), ("load", fleets), ("storage", storages))
        )
        for table, index, nodes, sign in (
            ("sgen", generators, at_generators, -1.0),
            ("load", fleets, at_fleets, 1.0),
            ("storage", storages, at_storages, 1.0),
        ):
            present = net[table].loc[list(index)]
            p = present["p_mw"].to_numpy(float) * present["scaling"].to_numpy(float)
            np.subtract.at(rest, nodes, sign * p / grid.base_mva)
        sites = sites_of(net, grid)
        q = net.sgen.loc[sites.index, "q_mvar"].to_numpy(float) * net.sgen.loc[sites.index, "scaling"].to_numpy(float)
        np.add.at(rest, sites.node, 1j * q / grid.base_mva)
        index = based.index.to_numpy(np.int64)
        return cls(
            grid=grid,
            load_index=index,
            load_mva=_profile(net, index, now, scaling, load_factor, hours),
            load_node=node,
            generator_node=at_generators,
            fleet_node=at_fleets,
            storage_node=at_storages,
            rest=rest,
        )

    def withdrawals(
        self,
        hour: int,
        generation_mw: Floats,
        ev_mw: Floats,
        storage_mw: Floats,
        draws: tuple[Floats, Floats],
        spread: Spread,
    ) -> tuple[Floats, Floats]:
        """Withdrawals of all nodes without the sites.

        Parameters
        ----------
        hour : int
            The hour.
        generation_mw, ev_mw, storage_mw : (G,), (F,), (k,) array
            Active power of the first stage [MW].
        draws : (S, L) array, (S, G) array
            Standard normal numbers of the scenarios.
        spread : Spread
            What they are worth.

        Returns
        -------
        (S, n) array, (S, n) array
            Active and reactive power [pu].
        """
        xi, zeta = draws
        base = self.grid.base_mva
        s = np.broadcast_to(self.rest, (len(xi), self.grid.n)).T.copy()
        for nodes, values in (
            (self.load_node, self.load_mva[hour] * (1.0 + spread.load * xi)),
            (self.generator_node, -generation_mw * np.maximum(1.0 + spread.generation * zeta, 0.0)),
            (self.fleet_node, np.broadcast_to(ev_mw, (len(xi), len(ev_mw)))),
            (self.storage_node, np.broadcast_to(storage_mw, (len(xi), len(storage_mw)))),
        ):
            np.add.at(s, nodes, values.T / base)
        s = s.T
        return s.real.copy(), s.imag.copy()

    def reach(
        self, generation_mw: Floats, storage_mw: Floats, spread: Spread
    ) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Lowest and highest withdrawal of every node over the day [pu]: a size, not a limit.

        Parameters
        ----------
        generation_mw, storage_mw : (G,), (k,) array
            Ratings [MW].
        spread : Spread
            Of the scenarios.
        """
        base, wide = self.grid.base_mva, 1.0 + 4.0 * spread.load
        low, high = self.rest.copy(), self.rest.copy()
        peak = self.load_mva[np.abs(self.load_mva).sum(axis=1).argmax()]
        np.add.at(high, self.load_node, wide * peak / base)
        np.add.at(low, self.generator_node, -generation_mw * (1.0 + 4.0 * spread.generation) / base)
        np.add.at(low, self.storage_node, -storage_mw / base)
        np.add.at(high, self.storage_node, storage_mw / base)
        # fleets have no rating of their own
        np.add.at(high, self.fleet_node, np.abs(peak).sum() / max(len(self.fleet_node), 1) / base)
        return (low.real, high.real), (np.minimum(low.imag, high.imag), np.maximum(low.imag, high.imag))


def _profile(
    net: pandapowerNet,
    index: Ints,
    now: NDArray[np.complex128],
    scaling: Floats,
    load_factor: ArrayLike | None,
    hours: int,
) -> NDArray[np.complex128]:
    """Read the expected load of every hour (H, L) [MW + j Mvar]."""
    if load_factor is None:
        series = read_series(net, periods=range(hours), still=hours)
        time_axis(series.periods, series.stamps, 1.0, None)  # refuses rows that are no hours
        place = [int(net.load.index.get_loc(int(k))) for k in index]
        p, q = (series.values["load", column][:, place] for column in ("p_mw", "q_mvar"))
        return np.asarray((p + 1j * q) * scaling)
    factor = np.asarray(load_factor, dtype=float)
    if factor.shape != (hours,) or not (np.isfinite(factor) & (factor >= 0)).all():
        raise InputError(
            f"load_factor has shape {factor.shape}, or a number in it is negative or not finite; give one number "
            f"of 0 or more for each of the {hours} hours."
        )
    return np.asarray(factor[:, None] * now)


def _refuse_curves(rows: pd.DataFrame) -> None:
    """Refuse capability curves: the second stage decides within limits alone."""
    if "reactive_capability_curve" in rows.columns:
        found = rows.index[truth(rows["reactive_capability_curve"])].tolist()
        if found:
            raise InputError(
                f"sgen {shorten(found)}: reactive_capability_curve is True, and a rolling schedule knows min_q_mvar "
                "and max_q_mvar only; set it to False and give limits that hold at any active power."
            )


def sites_of(net: pandapowerNet, grid: Grid) -> Sites:
    """Find the controllable sgens of the net whose reactive limits leave something to decide."""
    rows = net.sgen[net.sgen["in_service"].astype(bool)]
    if not {"controllable", "min_q_mvar", "max_q_mvar"} <= set(rows.columns):
        rows = rows.iloc[:0].assign(min_q_mvar=0.0, max_q_mvar=0.0)
    else:
        able = rows["controllable"].map(lambda value: value is True or value == 1)
        within = rows["max_q_mvar"].astype(float) > rows["min_q_mvar"].astype(float)
        supplied = rows["bus"].map(lambda bus: int(bus) in grid.node_of)
        rows = rows[able & within & supplied]
    _refuse_curves(rows)
    return Sites(
        rows.index.to_numpy(np.int64),
        np.array([grid.node_of[int(bus)] for bus in rows["bus"]], dtype=np.int64),
        rows["min_q_mvar"].to_numpy(float),
        rows["max_q_mvar"].to_numpy(float),
    )
