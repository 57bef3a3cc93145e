"""What a rolling schedule is about: the nodes of a net, their prices, and the laws of what comes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandapower.auxiliary import pandapowerNet

from adnflex import networks
from adnflex.arguments import public
from adnflex.arrays import FloatArray, IntArray
from adnflex.errors import InputError
from adnflex.net_json import read_net
from adnflex.problems.rolling.arrivals import Arrivals, Library
from adnflex.problems.rolling.feeder_limits import exchange_limits
from adnflex.problems.rolling.laws import name_notes, parking_laws, weather_of
from adnflex.problems.rolling.prices import Generators, Prices, negative_price, prices_of
from adnflex.problems.rolling.read import RollingStudy, members_of, read_rolling, unreachable
from adnflex.problems.rolling.renewables import Renewables
from adnflex.problems.rolling.storages import Storages
from adnflex.study import study_facts
from adnflex.text import title as title_of

# The library that policies look ahead with is part of the case, not of a run.
_LIBRARY_SEED = 20250916


@dataclass(frozen=True, eq=False)
class RollingCase:
    """A net whose nodes schedule vehicles and storages by the hour.

    A node is a bus with vehicles (a load of type ``ev``), sun or wind (an sgen of type ``PV`` or ``WP``) or a
    controllable storage. Other elements are no matter of the active-power stage. Powers are in MW, energies
    in MWh, an hour is the step.

    Attributes
    ----------
    name : str
        Name of the case.
    net : pandapowerNet
        The net; only read.
    found : RollingStudy
        What was read from it.
    buses : (n,) int array
        Bus of each node, ascending.
    storages : Storages
        Their storages.
    generators : Generators
        Their sun and wind.
    fleets : dict of int to int
        Index in ``net.load`` and node of each fleet.
    prices : Prices
        Prices of the day.
    exchange_mw : (H, n) array
        Largest import and export of each node in each hour [MW]; 0: no exchange. Bounds that a feeder sets hour by
        hour can be written here.
    renewables : Renewables
        Source of futures of sun and wind.
    arrivals : Arrivals
        Source of days of vehicles.
    currency : str
        Unit of money.
    library_days : int
        Number of sample days that policies look ahead with.
    notes : tuple of str
        What the reader of a schedule has to know.
    """

    name: str
    net: pandapowerNet
    found: RollingStudy
    buses: IntArray
    storages: Storages
    generators: Generators
    fleets: dict[int, int]
    prices: Prices
    exchange_mw: FloatArray
    renewables: Renewables
    arrivals: Arrivals
    currency: str = "EUR"
    library_days: int = 300
    notes: tuple[str, ...] = ()

    @property
    def hours(self) -> int:
        """Number H of hours of the day."""
        return len(self.prices.buy)

    @cached_property
    def library(self) -> Library:
        """Sample days of vehicles, the same for every policy and run."""
        rng = np.random.default_rng(_LIBRARY_SEED)
        return Library(self.arrivals, rng, self.library_days, self.fleets, len(self.buses), self.hours)

    @cached_property
    def to_nodes(self) -> FloatArray:
        """Matrix (G, n) that turns generation [MW] into power of the nodes [MW]."""
        matrix = np.zeros((len(self.generators.index), len(self.buses)))
        matrix[np.arange(len(matrix)), self.generators.node] = 1.0
        return matrix

    @cached_property
    def fingerprint(self) -> str:
        """Digest of everything that a saved schedule depends on; of the user's own laws only their type."""
        s, g = self.storages, self.generators
        known = (s.index, s.node, s.start, s.charge, s.discharge, s.wear, s.price, s.floor, s.ceiling)
        arrays = [self.buses, *known, s.step.kept, s.step.gained, s.step.drawn, g.index, g.node, g.rated_mw, g.cost]
        arrays += [self.prices.buy, self.prices.ev, self.exchange_mw]
        facts = [np.round(np.asarray(a, dtype=float), 9).tolist() for a in arrays]
        rest = [self.prices.subsidy, self.prices.stored, sorted(self.fleets.items()), self.library_days]
        laws = [_law(self.renewables), _law(self.arrivals)]
        return hashlib.sha256(json.dumps([facts, rest, laws]).encode()).hexdigest()[:16]

    def __getstate__(self) -> dict[str, Any]:
        # A worker process draws the library anew; it would be most of what has to be sent.
        return {key: value for key, value in self.__dict__.items() if key != "library"}

    @classmethod
    @public(options=lambda: _settings_of_a_case())
    def load(cls, source: str | Path, **options: Any) -> RollingCase:
        """Load a case that comes with adnflex, or one of the user's files.

        Parameters
        ----------
        source : str or pathlib.Path
            A name out of `adnflex.networks.names`, or a pandapower JSON file.
        **options
            As for `from_net`.

        Examples
        --------
        >>> case = RollingCase.load("rolling33")
        >>> case.buses.tolist(), case.storages.index.tolist(), case.hours
        ([7, 12, 16, 20, 23, 26, 29, 31], [0, 1, 2], 24)
        """
        path = Path(source)
        if path.suffix == ".json":
            if not path.is_file():
                raise InputError(f"case file {path}: there is no such file; give a pandapower JSON file or a name.")
            net = read_net(path)
            name = path.stem
        else:
            net, name = networks.load(str(source)), str(source)
        return cls.from_net(net, name=name, **options)

    @classmethod
    @public()
    def from_net(
        cls,
        net: pandapowerNet,
        *,
        name: str | None = None,
        renewables: Renewables | None = None,
        arrivals: Arrivals | pd.DataFrame | None = None,
        buy_price_per_mwh: ArrayLike | None = None,
        ev_price_per_mwh: ArrayLike | None = None,
        ev_subsidy_per_vehicle: float | None = None,
        stored_value_per_mwh: float | None = None,
        exchange_limit_mw: ArrayLike | str | None = None,
        tariff: str | None = None,
        weather: str | None = None,
        currency: str | None = None,
        hours: int | None = None,
        library_days: int = 300,
    ) -> RollingCase:
        """Read a case from a net; what is not given comes from its ``net.study``.

        Parameters
        ----------
        net : pandapowerNet
            With loads of type ``ev``, sgens of type ``PV`` or ``WP``, controllable storages. It is only read.
        name : str, optional
            Name of the case.
        renewables : Renewables, optional
            Source of futures, see `adnflex.rolling.Renewables`; by default the law in ``net.study``.
        arrivals : Arrivals or pandas.DataFrame, optional
            Source of days of vehicles, or recorded days as a table in the form of ``net.ev`` (with a column ``run``
            where there are several); by default ``net.ev``, else the law in ``net.study``.
        buy_price_per_mwh, ev_price_per_mwh : float or array_like of (H,), optional
            Prices of purchase, and of what vehicles draw [money/MWh].
        ev_subsidy_per_vehicle : float, optional
            Paid for every arriving vehicle [money].
        stored_value_per_mwh : float, optional
            Value of what is stored at the end of the day [money/MWh].
        exchange_limit_mw : float or array_like of (n,) or (H, n), optional
            Largest import and export of a node [MW]; 0: no exchange. ``"feeder"``: what the feeder carries beside the
            load, at most what ``net.study`` has (see `adnflex.rolling.exchange_limits`).
        tariff : str, optional
            Profile of the sources' price, a column ``<tariff>_price`` of ``net.profiles["ext_grid"]``; by default the
            price that a dispatch reads.
        weather : str, optional
            One of those in ``net.study``.
        currency : str, optional
            Unit of money.
        hours : int, optional
            Hours of the day; by default 24.
        library_days : int
            Number of sample days of vehicles that policies look ahead with.

        Raises
        ------
        InputError
            If something is missing or wrong; all faults at once.
        """
        findings: list[str] = []
        facts = study_facts(net)
        hours = int(facts.get("hours", 24) if hours is None else hours)
        members = members_of(net)
        generators = members.generators
        sun, rated = (generators["type"] == "PV").to_numpy(bool), _ratings(generators)
        index = generators.index.to_numpy(np.int64)
        if buy_price_per_mwh is not None and tariff is not None:
            findings.append("tariff and buy_price_per_mwh are both given; give one of them.")
        given = {
            "buy_price_per_mwh": buy_price_per_mwh,
            "ev_price_per_mwh": ev_price_per_mwh,
            "ev_subsidy_per_vehicle": ev_subsidy_per_vehicle,
            "stored_value_per_mwh": stored_value_per_mwh,
        }
        prices = prices_of(facts, given, hours, findings)
        by_feeder = isinstance(exchange_limit_mw, str) and exchange_limit_mw == "feeder"
        limit = facts.get("exchange_limit_mw", 0.0) if exchange_limit_mw is None else exchange_limit_mw
        if by_feeder:
            limit = facts.get("exchange_limit_mw", np.inf)
        exchange = _exchange(limit, hours, len(members.buses), findings)
        source = renewables or weather_of(facts, weather, sun, rated, hours, index, findings)
        days = parking_laws(net, facts, arrivals, members.fleets, hours, findings)
        found = read_rolling(net, hours, tariff, findings, priced=buy_price_per_mwh is None)
        if buy_price_per_mwh is None:
            prices = dataclasses.replace(prices, buy=found.bought)
        storages = found.storages
        if findings := [*negative_price(prices.buy), *unreachable(storages, hours)]:
            raise InputError(findings)
        assert source is not None
        at = np.searchsorted(found.members.buses, [s.place.bus for s in storages]).astype(np.int64)
        fleets = zip(members.fleets.index.tolist(), members.nodes(members.fleets).tolist(), strict=True)
        case = cls(
            name=title_of(net, name),
            net=net,
            found=found,
            buses=members.buses,
            storages=Storages.of(storages, at, hours),
            generators=Generators(index, members.nodes(generators), sun, rated, found.cost),
            fleets=dict(fleets),
            prices=prices,
            exchange_mw=exchange,
            renewables=source,
            arrivals=days,
            currency=str(facts.get("currency", "EUR") if currency is None else currency),
            library_days=library_days,
            notes=(*found.notes, *name_notes(days)),
        )
        return dataclasses.replace(case, exchange_mw=exchange_limits(case)) if by_feeder else case


def _ratings(generators: pd.DataFrame) -> FloatArray:
    """Ratings of sun and wind (G,) [MW]."""
    return np.asarray(generators["p_mw"] * generators["scaling"], dtype=float)


def _settings_of_a_case() -> list[Callable[..., Any]]:
    return [RollingCase.from_net]


def _law(value: Any) -> Any:
    """Describe a law by its numbers where it is a dataclass, else by its type."""
    if isinstance(value, np.ndarray):
        return np.round(np.asarray(value, dtype=float), 9).tolist()
    if isinstance(value, pd.DataFrame):
        return hashlib.sha256(value.to_csv().encode()).hexdigest()
    if dataclasses.is_dataclass(value):
        return [type(value).__name__, *(_law(getattr(value, f.name)) for f in dataclasses.fields(value))]
    if isinstance(value, tuple | list):
        return [_law(part) for part in value]
    return value if isinstance(value, int | float | str | None) else type(value).__name__


def _exchange(limit: Any, hours: int, nodes: int, findings: list[str]) -> FloatArray:
    """Exchange limit of each hour and node [MW]."""
    try:
        values = np.asarray(limit, dtype=float)
    except (TypeError, ValueError):
        values = np.array([-1.0])
    if values.shape not in ((), (nodes,), (hours, nodes)) or not (values >= 0).all():
        findings.append(
            f"exchange_limit_mw is {limit}; give a number of 0 or more [MW], one for each of the {nodes} nodes (buses "
            f"in ascending order), or a row of them for each of the {hours} hours."
        )
        return np.zeros((hours, nodes))
    # infinity times zero is no number in the settlement
    return np.broadcast_to(np.minimum(values, 1e6), (hours, nodes)).copy()
