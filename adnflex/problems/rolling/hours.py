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

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from adnflex.arrays import ComplexArray, FloatArray, IntArray
from adnflex.errors import InputError
from adnflex.grid.checks import limit_faults
from adnflex.grid.model import Grid
from adnflex.grid.operating_points import operating_points
from adnflex.problems.dispatch.reactive_model import Sites
from adnflex.problems.rolling.read import RollingStudy


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


def antithetic(count: int, loads: int, generators: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
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


def realised(loads: int, generators: int, seed: int, day: int, hour: int) -> tuple[FloatArray, FloatArray]:
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
        Index in ``net.load`` of the loads that are expected to follow their profile.
    load_mva : (H, L) complex array
        What they are expected to withdraw [MW + j Mvar].
    load_node, generator_node, fleet_node, storage_node : int array
        Nodes of the grid.
    rest : (H, n) complex array
        Withdrawal of everything else [pu].
    site_mw : (H, k) array
        Injection that is expected of the k sites of reactive power [MW].
    """

    grid: Grid
    load_index: IntArray
    load_mva: ComplexArray
    load_node: IntArray
    generator_node: IntArray
    fleet_node: IntArray
    storage_node: IntArray
    rest: ComplexArray
    site_mw: FloatArray

    @classmethod
    def of(cls, found: RollingStudy) -> Hours:
        """Take out of what was read what the two stages decide.

        Parameters
        ----------
        found : RollingStudy
            What was read.
        """
        net, grid, values = found.net, found.study.grid, found.study.values
        node_of, members = grid.node_of, found.members
        everything = operating_points(net, grid, values, ())
        rest = ((everything.p[0] + 1j * everything.q[0]) * grid.base_mva).T.copy()

        def power(table: str, column: str, index: Iterable[int]) -> FloatArray:
            """Values (H, E) of some elements, `scaling` included."""
            place = [int(net[table].index.get_loc(int(k))) for k in index]
            return np.asarray(values[table, column][0][:, place] * net[table]["scaling"].to_numpy(float)[place])

        def nodes(table: str, index: Iterable[int]) -> IntArray:
            return np.array([node_of[int(net[table].at[k, "bus"])] for k in index], dtype=np.int64)

        fleets = sorted(members.fleets.index.tolist())
        rows = net.load[net.load["in_service"].astype(bool) & net.load["bus"].isin(list(node_of))]
        loads = rows.index[~rows.index.isin(fleets)].to_numpy(np.int64)
        load_mva = power("load", "p_mw", loads) + 1j * power("load", "q_mvar", loads)
        taken: list[tuple[IntArray, Any]] = [(nodes("load", loads), load_mva)]
        places = []
        for table, index, sign in (
            ("sgen", members.generators.index.tolist(), -1.0),
            ("load", fleets, 1.0),
            ("storage", [s.place.index for s in found.storages], 1.0),
        ):
            places.append(nodes(table, index))
            taken.append((places[-1], sign * power(table, "p_mw", index)))
        sites = [s.place.index for s in found.sites]
        taken.append((nodes("sgen", sites), -1j * power("sgen", "q_mvar", sites)))
        for at, withdrawn in taken:
            np.subtract.at(rest, at, withdrawn.T)
        at_generators, at_fleets, at_storages = places
        at_loads = taken[0][0]
        rest = rest.T / grid.base_mva
        return cls(
            grid, loads, load_mva, at_loads, at_generators, at_fleets, at_storages, rest, power("sgen", "p_mw", sites)
        )

    def withdrawals(
        self,
        hour: int,
        generation_mw: FloatArray,
        ev_mw: FloatArray,
        storage_mw: FloatArray,
        draws: tuple[FloatArray, FloatArray],
        spread: Spread,
    ) -> tuple[FloatArray, FloatArray]:
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
        s = np.broadcast_to(self.rest[hour], (len(xi), self.grid.n)).T.copy()
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
        self, generation_mw: FloatArray, storage_mw: FloatArray, spread: Spread
    ) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
        """Lowest and highest withdrawal of every node over the day [pu]: a size, not a limit.

        Parameters
        ----------
        generation_mw, storage_mw : (G,), (k,) array
            Ratings [MW].
        spread : Spread
            Of the scenarios.
        """
        base, wide = self.grid.base_mva, 1.0 + 4.0 * spread.load
        low, high = (part(self.rest.real, axis=0) + 1j * part(self.rest.imag, axis=0) for part in (np.min, np.max))
        peak = self.load_mva[np.abs(self.load_mva).sum(axis=1).argmax()]
        np.add.at(high, self.load_node, wide * peak / base)
        np.add.at(low, self.generator_node, -generation_mw * (1.0 + 4.0 * spread.generation) / base)
        np.add.at(low, self.storage_node, -storage_mw / base)
        np.add.at(high, self.storage_node, storage_mw / base)
        # fleets have no rating of their own
        np.add.at(high, self.fleet_node, np.abs(peak).sum() / max(len(self.fleet_node), 1) / base)
        return (low.real, high.real), (np.minimum(low.imag, high.imag), np.maximum(low.imag, high.imag))


def require_limits(found: RollingStudy) -> None:
    """Refuse a net without voltage limits, where they are to be kept."""
    if faults := limit_faults(found.net):
        raise InputError(faults)


def sites_of(found: RollingStudy) -> Sites:
    """Sites of reactive power as arrays."""
    sites = found.sites
    return Sites(
        np.array([s.place.index for s in sites], dtype=np.int64),
        np.array([s.place.node for s in sites], dtype=np.int64),
        np.array([s.inverter.q_min for s in sites], dtype=float),
        np.array([s.inverter.q_max for s in sites], dtype=float),
    )
