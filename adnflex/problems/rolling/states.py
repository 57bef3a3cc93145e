"""The states of a rolling schedule as set-points of the net: as each hour comes, or as it was expected."""

from __future__ import annotations

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices import Positioned, able
from adnflex.grid.write import Key
from adnflex.problems.rolling.hours import Hours, Spread, realised
from adnflex.problems.rolling.positions import fact_of, step_at
from adnflex.problems.rolling.read import RollingStudy
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
        self.run, self.net, self.spread = run, found.net, spread
        self.generators = run.generation.columns.tolist()
        self.charging, self.stored = powers(run.ev), powers(run.storage)
        self.fleets, self.storages = self.charging.columns.tolist(), self.stored.columns.tolist()
        self.hours = Hours.of(found)
        self.sites = [k for k in run.reactive.columns if k in found.net.sgen.index]
        named = {fact_of(d): d for d in able(found.study.devices, Positioned)}
        self.positions = [(named[str(name)], str(name)) for name in run.reactive_facts.columns if str(name) in named]

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
        return {
            **self._scaled("load", "p_mw", h.load_index, loads.real),
            **self._scaled("load", "q_mvar", h.load_index, loads.imag),
            **self._scaled("load", "p_mw", self.fleets, self.charging.iloc[k].to_numpy(float)),
            **self._scaled("storage", "p_mw", self.storages, self.stored.iloc[k].to_numpy(float)),
            **self._scaled("sgen", "p_mw", self.generators, generation),
        }

    def _second(self, k: int) -> dict[Key, float]:
        """Reactive power and positions in row k of the run."""
        found = self._scaled("sgen", "q_mvar", self.sites, self.run.reactive[self.sites].iloc[k].to_numpy(float))
        for device, name in self.positions:
            found |= device.written(step_at(device, float(self.run.reactive_facts[name].iloc[k])))
        return found

    def _scaled(self, table: str, column: str, index: list[int] | IntArray, power: FloatArray) -> dict[Key, float]:
        """Values that give a power, behind the scaling of the net's rows."""
        scaling = self.net[table].loc[list(index), "scaling"].to_numpy(float)
        return {(table, column, int(i)): float(v) for i, v in zip(index, power / scaling, strict=True)}
