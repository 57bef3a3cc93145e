"""The states of a rolling schedule as set-points of the net: as each hour comes, or as it was expected."""

from __future__ import annotations

import numpy as np
import pandas as pd

from adnflex.grid.write import Key
from adnflex.problems.rolling.hours import Hours, Spread, realised
from adnflex.problems.rolling.read import RollingStudy
from adnflex.problems.rolling.written import active_values, reactive_values, scaled
from adnflex.results.rolling import RollingRun


def powers(table: pd.DataFrame) -> pd.DataFrame:
    """Active power of fleets or storages; no columns where the net has none of them."""
    return table.loc[:, table.columns.get_level_values(0) == "p_mw"].droplevel(0, axis=1)


class RunStates:
    """Set-points of every hour of a run.

    Parameters
    ----------
    run : RollingRun
        The schedule.
    found : RollingStudy
        What was read from its net.
    spread : Spread
        How far load, sun and wind of the hour that really comes are from what was expected.
    """

    def __init__(self, run: RollingRun, found: RollingStudy, spread: Spread) -> None:
        self.run, self.found, self.net, self.spread = run, found, found.net, spread
        self.generators = run.generation.columns.tolist()
        self.charging, self.stored = powers(run.ev), powers(run.storage)
        self.fleets, self.storages = self.charging.columns.tolist(), self.stored.columns.tolist()
        self.hours = Hours.of(found)
        self.sites = [k for k in run.reactive.columns if k in found.net.sgen.index]

    def table(self, *, second: bool = True, expected: bool = False) -> pd.DataFrame:
        """Return what is written into the net in every hour, columns ``(table, column, index)``.

        Parameters
        ----------
        second : bool
            With the second stage; without it reactive power and positions are the net's own.
        expected : bool
            The hours as expected, not as they come.
        """
        count = range(len(self.run.generation))
        rows = [{**self._first(k, expected), **(self._second(k) if second else {})} for k in count]
        columns = pd.MultiIndex.from_tuples(list(rows[0]) if rows else [], names=["table", "column", "index"])
        return pd.DataFrame(
            [list(row.values()) for row in rows], index=self.run.generation.index.rename("hour"), columns=columns
        )

    def _first(self, k: int, expected: bool) -> dict[Key, float]:
        """Set-points of loads and of the first stage in row k of the run."""
        run, h, hour = self.run, self.hours, int(self.run.generation.index[k])
        xi, zeta = realised(len(h.load_index), len(self.generators), run.seed, run.day, hour)
        factor, came = 1.0 + self.spread.load * xi[0], np.maximum(1.0 + self.spread.generation * zeta[0], 0.0)
        loads = h.load_mva[hour] * (1.0 if expected else factor)
        generation = run.generation.iloc[k].to_numpy(float) * (1.0 if expected else came)
        charging, stored = (
            dict(zip(index, row.iloc[k].to_numpy(float), strict=True))
            for index, row in ((self.fleets, self.charging), (self.storages, self.stored))
        )
        return {
            **scaled(self.net, "load", "p_mw", zip(h.load_index, loads.real, strict=True)),
            **scaled(self.net, "load", "q_mvar", zip(h.load_index, loads.imag, strict=True)),
            **active_values(self.net, charging, stored, dict(zip(self.generators, generation, strict=True))),
        }

    def _second(self, k: int) -> dict[Key, float]:
        """Reactive power and positions in row k of the run."""
        injected = dict(zip(self.sites, self.run.reactive[self.sites].iloc[k].to_numpy(float), strict=True))
        facts = {str(name): float(value) for name, value in self.run.reactive_facts.iloc[k].items()}
        return reactive_values(self.found, injected, facts)
