"""Units that hold islands after an outage: against brute force by pandapower, their limits, and what is refused."""

from __future__ import annotations

import dataclasses
import itertools
from copy import deepcopy
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.cli.program import main
from adnflex.errors import InputError
from tests.nets import random_net
from tests.problems.test_restoration import ring
from tests.restoration_oracle import Oracle, _load, _run, _supplied

# What the oracle knows of a unit: its bus, most active power [MW] and most apparent power [MVA].
Unit = tuple[int, float, float]


class IslandOracle(Oracle):
    """Every set of operations and started units, each run by pandapower with external grids in place of the units."""

    def best_with(self, key: tuple[str, int], most: int, units: dict[int, Unit]) -> tuple[Any, ...]:
        """Restored MW, operations, islands, losses of the best set; None where nothing meets every limit."""
        net, gone, lost = self.isolated(*key)
        lit_before, load = _supplied(self.net), _load(self.net)
        lit = _supplied(net)
        usable = [i for i in self.lines if i not in lost]
        blocks, root = self._around(net, usable)
        ends = {i: (int(net.line.at[i, "from_bus"]), int(net.line.at[i, "to_bus"])) for i in usable}
        present = {i: self.closed(net, i) for i in usable}
        free = [s for s, unit in units.items() if unit[0] not in gone]
        states = []
        for count in range(most + 1):
            for chosen in itertools.combinations([*usable, *(("start", s) for s in free)], count):
                lines, started = (
                    [c for c in chosen if isinstance(c, int)],
                    [c[1] for c in chosen if isinstance(c, tuple)],
                )
                shut = [ends[i] for i in usable if present[i] != (i in lines)]
                from_main = self._forest(blocks, shut, root)
                every = self._forest(blocks, shut + [(-1, units[s][0]) for s in started], root)
                if from_main is None or every is None or not lit <= from_main:
                    continue
                back = float(load.reindex(sorted((every - {-1}) & (lit_before - lit))).sum())
                states.append((-round(back, 9), count, len(started), lines, started))
        states.sort(key=lambda one: one[:3])
        for rank, group in itertools.groupby(states, key=lambda one: one[:3]):
            losses = [self._island_loss(net, lines, {s: units[s] for s in on}) for *_, lines, on in group]
            if good := [loss for loss in losses if loss is not None]:
                return -rank[0], rank[1], rank[2], min(good)
        return (None,)

    def _around(self, net: Any, usable: list[int]) -> tuple[dict[int, int], int]:
        """Blocks by bus; -1 stands for the main sources, also where there is none."""
        if net.ext_grid.in_service.any():
            blocks = self._blocks(net, usable)
            root = blocks[int(net.ext_grid.bus[net.ext_grid.in_service.astype(bool)].iloc[0])]
        else:
            alone = deepcopy(net)
            pp.create_ext_grid(alone, pp.create_bus(alone, 20.0))
            blocks, root = self._blocks(alone, usable), -1
            del blocks[int(alone.ext_grid.bus.iloc[-1])]
        return {**blocks, -1: root}, root

    def _island_loss(self, net: Any, lines: list[int], on: dict[int, Unit]) -> float | None:
        state = deepcopy(net)
        for i in lines:
            self.operate(state, i)
        made = {}
        for s, (bus, *_) in on.items():
            state.sgen.loc[s, "in_service"] = False
            made[s] = pp.create_ext_grid(state, bus)
        if not state.ext_grid.in_service.any():
            return 0.0
        seen = _run(state)
        if seen is None or not self._within(state, *seen):
            return None
        for s, (_, p_max, sn) in on.items():
            p, q = state.res_ext_grid.loc[made[s], ["p_mw", "q_mvar"]]
            if not (-1e-6 <= p <= p_max + 1e-6 and np.hypot(p, q) <= sn + 1e-6):
                return None
        return float(state.res_line.pl_mw.sum() + state.res_trafo.pl_mw.sum())


def random_case(seed: int) -> tuple[Any, tuple[float, float], dict[int, Unit], list[tuple[str, int]]]:
    """A radial net with one to three units that may hold islands, some too small for what is dark."""
    rng = np.random.default_rng(seed)
    style: Any = ["switches", "in_service"][rng.integers(2)]
    net = random_net(
        rng, n_bus=(5, 8), n_loops=(1, 2), generation=bool(rng.random() < 0.5), two_sources=bool(rng.random() < 0.3),
        switch_style=style, present="radial", charging=bool(rng.random() < 0.4), limits="generous",
    )  # fmt: skip
    units = {}
    buses = rng.permutation(sorted(set(net.bus.index) - set(net.ext_grid.bus)))
    for bus in buses[: int(rng.integers(1, 4))].tolist():
        p_max = float(net.load.p_mw.sum() * rng.uniform(0.1, 0.9))
        sn = p_max * float(rng.uniform(1.0, 1.3))
        s = pp.create_sgen(net, bus, 0.1 * p_max, 0.0, sn_mva=sn, max_p_mw=p_max)
        units[int(s)] = (bus, p_max, sn)
    limits = [(0.9, 1.1), (0.94, 1.06), (0.97, 1.05)][rng.integers(3)]
    keys = [(t, int(i)) for t in ("line", "ext_grid") for i in net[t].index[net[t].in_service.astype(bool)]]
    return net, limits, units, [keys[k] for k in rng.permutation(len(keys))]


@pytest.mark.parametrize(("seed", "key"), [(110, ("ext_grid", 0)), (118, ("line", 3))])
def test_no_set_of_operations_and_starts_restores_more(seed, key):
    """In both a unit is too small for what is dark, so that a part is shed before it is started."""
    net, limits, units, _ = random_case(seed)
    assert not compared(net, limits, units, key, 2)


def compared(net: Any, limits: Any, units: dict[int, Unit], key: tuple[str, int], most: int) -> str:
    """What is wrong with a restoration with islands, against brute force; empty where nothing is."""
    given: Any = {"max_operations": most, "vm_limits": limits, "islands": [("sgen", s) for s in units]}
    try:
        found = adnflex.restore(net, key, **given)
    except InputError as error:
        return "" if "not radial" in str(error) else str(error)
    want = IslandOracle(net, limits).best_with(key, most, units)
    if want[0] is None or found.status == "infeasible":
        return "" if want[0] is None and found.status == "infeasible" else f"{found.status}, not {want}"
    check = adnflex.validate(found, net)
    if not check.passed:
        return check.verdict
    losses = float(found.state["losses_kw"].iloc[0]) / 1e3
    told = found.restored_mw, found.operations, len(found.islands), 0.0 if np.isnan(losses) else losses
    return "" if told == pytest.approx(want, abs=1e-6) else f"{told}, not {want}"


def powered(p_max: float = 2.2) -> Any:
    """The ring with a unit at bus 3."""
    net = ring(sgen=0.5)
    net.sgen["sn_mva"], net.sgen["max_p_mw"] = 2.5, p_max
    return net


def test_an_island_stays_within_the_power_of_its_unit(tmp_path):
    """Without any source 6 MW are dark; the unit feeds two of three buses of its feeder, and runpp says the same."""
    net = powered()
    assert adnflex.restore(net, ("ext_grid", 0)).restored_mw == 0.0
    found = adnflex.restore(net, ("ext_grid", 0), islands=("sgen", 0))
    assert (found.actions, found.restored_mw, found.status) == ("open line 1, start sgen 0", 2.0, "optimal")
    assert found.limiting.iloc[0][["kind", "element", "limit"]].tolist() == ["island active power high", "sgen", 2.2]
    assert (found.buses.loc[[1, 4, 5, 6], "why"] == "limits").all()
    check = adnflex.validate(found, net)
    assert check.passed, check.verdict
    state = found.apply(net)
    pp.runpp(state)
    assert not state.sgen.in_service.any()
    assert state.ext_grid.bus.tolist() == [0, 3]
    assert state.res_ext_grid.p_mw[1] == pytest.approx(found.islands["p_mw"].iloc[0], abs=1e-8)
    assert len(found.apply(net, 1).ext_grid) == len(net.ext_grid) == 1
    found.save(tmp_path / "found.json")
    again = adnflex.load(tmp_path / "found.json")
    pd.testing.assert_frame_equal(again.islands, found.islands, check_dtype=False)
    assert adnflex.validate(again, net).passed
    page = adnflex.report(found, check, tmp_path / "found.html").read_text()
    assert "Sgen 0 holds an island at bus 3" in page
    tight = dataclasses.replace(found, islands=found.islands.assign(max_p_mw=2.0))
    assert "island active power high" in adnflex.validate(tight, net).verdict
    wrong = dataclasses.replace(found, islands=found.islands.assign(p_mw=1.9))
    assert "other powers" in adnflex.validate(wrong, net).verdict


@pytest.mark.parametrize(("column", "value"), [("sn_mva", 0.95), ("max_q_mvar", 0.1)])
def test_what_exceeds_any_of_its_limits_stays_dark(column, value):
    net = powered()
    net.sgen["min_q_mvar"], net.sgen["max_q_mvar"] = -1.0, 1.0
    net.sgen[column] = value
    found = adnflex.restore(net, [("line", 1), ("line", 6)], islands=("sgen", 0))
    assert (found.restored_mw, found.status) == (0.0, "optimal")
    assert found.limiting["kind"].iloc[0].startswith("island")


def test_a_tie_comes_before_an_island_and_what_is_live_stays_as_it_is():
    net = powered()
    found = adnflex.restore(net, ("line", 1), islands=("sgen", 0))
    assert (found.actions, len(found.islands)) == ("close line 6", 0)
    far = adnflex.restore(net, ("line", 4), islands=("sgen", 0))
    assert far.actions == "close line 6"
    assert any("sgen 0 has supply at bus 3: it stays as it is" in note for note in far.notes)
    # with the tie out too, nobody who has supply is handed to the unit so that it could feed others
    assert adnflex.restore(net, [("line", 4), ("line", 6)], islands=("sgen", 0), max_operations=4).restored_mw == 0
    at_fault = adnflex.restore(net, ("bus", 3), islands=("sgen", 0))
    assert any("no switch parts it from the fault" in note for note in at_fault.notes)


def test_a_storage_says_how_long_it_lasts_and_a_generator_holds_its_voltage():
    net = ring()
    pp.create_storage(
        net, 3, 0.0, max_e_mwh=8.0, soc_percent=75.0, min_e_mwh=2.0, min_p_mw=-2.5, max_p_mw=2.5, sn_mva=3.0
    )
    found = adnflex.restore(net, [("line", 1), ("line", 6)], islands=("storage", 0))
    row = found.islands.iloc[0]
    assert (row["energy_mwh"], row["hours"]) == (4.0, pytest.approx(4.0 / row["p_mw"]))
    assert row["p_mw"] == pytest.approx(2.0, abs=0.01)
    assert any("it lasts 2.0 h" in note for note in found.notes)
    assert adnflex.validate(found, net).passed
    pp.create_gen(net, 2, 0.0, vm_pu=1.03, max_p_mw=3.0, sn_mva=4.0, in_service=False)
    found = adnflex.restore(net, [("line", 1), ("line", 6)], islands=[("gen", 0)])
    state = found.apply(net)
    pp.runpp(state)
    assert state.res_bus.vm_pu[2] == pytest.approx(1.03)


def test_generation_that_stays_off_is_no_part_of_what_a_unit_gives():
    net = powered()
    pp.create_sgen(net, 2, 0.4)
    given: Any = {"islands": ("sgen", 0), "generation_returns": False}
    found = adnflex.restore(net, [("line", 1), ("line", 6)], **given)
    assert found.islands["p_mw"].iloc[0] == pytest.approx(2.0, abs=0.01)
    assert adnflex.validate(found, net).passed


def test_units_on_the_command_line(tmp_path, capsys):
    pp.to_json(powered(), str(tmp_path / "net.json"))
    assert main(["restore", str(tmp_path / "net.json"), "--outage", "line 1,line 6", "--islands", "sgen 0"]) == 0
    shown = capsys.readouterr().out
    assert "sgen 0 holds an island at bus 3" in shown
    assert "AC check: passed" in shown


def test_what_cannot_hold_an_island_is_refused_by_name():
    net = ring(sgen=0.5)
    pp.create_storage(net, 3, 0.0, max_e_mwh=2.0, soc_percent=0.0, sn_mva=1.0)
    pp.create_sgen(net, 2, 0.5, in_service=False, sn_mva=1.0)
    for unit, says in {
        ("sgen", 9): "sgen 9 is not in net.sgen",
        ("load", 0): "'load' is no unit that can hold an island",
        ("sgen", 0): "sgen 0 has no limit of reactive power; give sn_mva",
        ("sgen", 1): "sgen 1 is not in service",
        ("storage", 0): "storage 0 is empty",
    }.items():
        with pytest.raises(InputError, match=says):
            adnflex.restore(net, ("line", 1), islands=unit)
    net.sgen.loc[0, "p_mw"] = 0.0
    with pytest.raises(InputError, match="3 faults"):
        adnflex.restore(net, ("line", 1), islands=[("sgen", 0), ("sgen", 1)])
    whole = powered()
    with pytest.raises(InputError, match="islands and curtailable"):
        adnflex.restore(whole, ("line", 1), islands=("sgen", 0), curtailable="all")
    with pytest.raises(InputError, match="bus 7 is not in the net"):
        adnflex.restore(whole, ("bus", 7), islands=("sgen", 0))
