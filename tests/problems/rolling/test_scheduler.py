"""Hour by hour, from measurements; saved, damaged, loaded."""

from __future__ import annotations

import copy
import json
import random

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from adnflex import schedule_rolling, validate
from adnflex.errors import InputError, OutputError
from adnflex.grid.write import write
from adnflex.problems.rolling import (
    Observation,
    ReactiveAnswer,
    RollingCase,
    RollingScheduler,
    ScenarioReactive,
    draw_day,
    run_of,
    simulate_day,
)
from adnflex.results.files import write_envelope
from tests.problems.rolling.small import Steady, ev, net


@pytest.fixture(scope="module")
def small_case():
    return RollingCase.from_net(net(), renewables=Steady())


def observation(day, hour):
    return Observation(day.generation_mw[hour], day.vehicles.at(hour), hour=hour, weather=day.weather[hour])


def lead(control, day, until):
    for hour in range(control.hour, until):
        control.step(observation(day, hour))


@pytest.mark.parametrize("policy", ["rollout:own/match", "mpc:mean"])
def test_a_stopped_schedule_goes_on_where_it_was(case, tmp_path, policy):
    day = draw_day(case, 3)
    whole = RollingScheduler(case, policy, simulations=5, seed=3)
    simulate_day(whole, day)
    control = RollingScheduler(case, policy, simulations=5, seed=3)
    lead(control, day, 13)
    control.save(tmp_path / "state.json")
    del control
    again = RollingScheduler.load(tmp_path / "state.json", case)
    assert again.hour == 13
    simulate_day(again, day)
    one, other = run_of(whole), run_of(again)
    for name in ("costs", "actions", "storage", "ev", "exchange", "charging", "vehicles"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


def test_state_of_a_users_generator_is_kept(small_case, tmp_path):
    day = draw_day(small_case, 1)
    control = RollingScheduler(small_case, simulations=3)
    for hour in range(3):
        control.step(Observation(day.generation_mw[hour], day.vehicles.at(hour)))
    control.save(tmp_path / "s.json")
    again = RollingScheduler.load(tmp_path / "s.json", small_case)
    assert np.array_equal(again.weather, day.generation_mw[:3])
    a, b = (c.step(Observation(day.generation_mw[3])) for c in (control, again))
    assert np.array_equal(a.storage_mw, b.storage_mw)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[: len(text) // 2], "cannot be read"),
        (lambda text: text.replace('"hour":2', '"hour":3'), "its digest is"),
        (lambda text: text.replace("adnflex-rolling-state-1", "something"), "is not a state of format"),
        (lambda text: "[1, 2]", "is not a state of format"),
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(small_case, tmp_path, damage, words):
    control = RollingScheduler(small_case, "pool")
    lead(control, draw_day(small_case, 1), 2)
    path = tmp_path / "state.json"
    control.save(path)
    bad = damage(path.read_text())
    path.write_text(bad)
    with pytest.raises(InputError, match=words):
        RollingScheduler.load(path, small_case)
    assert path.read_text() == bad


def test_whatever_is_changed_in_a_state_it_is_refused_or_goes_on(small_case, tmp_path):
    """Also where somebody has made a new digest for it."""
    control = RollingScheduler(small_case, "pool")
    lead(control, draw_day(small_case, 1), 2)
    path = tmp_path / "state.json"
    control.save(path)
    original, refused = json.loads(path.read_text())["content"], 0
    for seed in range(120):
        rng, content = random.Random(seed), copy.deepcopy(original)
        places = []

        def walk(value, places=places):
            keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
            for key in keys:
                places.append((value, key))
                walk(value[key])

        walk(content)
        parent, key = rng.choice(places[: rng.choice([10, 100, len(places)])])
        if rng.random() < 0.3:
            del parent[key]
        else:
            parent[key] = rng.choice([None, True, -1, 10**30, "x", [], {}, [[1]], {"array": [[1]]}, {"array": ["a"]}])
        write_envelope(path, "adnflex-rolling-state-1", content)
        try:
            again = RollingScheduler.load(path, small_case)
        except InputError:
            refused += 1
            continue
        assert 0 <= again.hour <= small_case.hours
    assert refused > 40


def test_a_state_belongs_to_its_case(small_case, tmp_path):
    RollingScheduler(small_case, "pool").save(tmp_path / "s.json")
    other = RollingCase.from_net(net(), renewables=Steady(), exchange_limit_mw=0.0)
    with pytest.raises(InputError, match="fingerprint"):
        RollingScheduler.load(tmp_path / "s.json", other)


def test_a_save_that_fails_keeps_the_old_file(small_case, tmp_path, monkeypatch):
    control = RollingScheduler(small_case, "pool")
    path = tmp_path / "s.json"
    control.save(path)
    before = path.read_text()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OutputError, match="disk full"):
        control.save(path)
    assert path.read_text() == before
    json.loads(before)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"generation_mw": [np.nan]}, "sgen 0: generation_mw is nan"),
        ({"generation_mw": [0.1, 0.1]}, "has shape (2,)"),
        ({"generation_mw": {5: 0.1}}, "sgen [0] is missing"),
        ({"storage_mwh": [0.2]}, "storage 0: storage_mwh is 0.2, outside min_e_mwh 0.01 and max_e_mwh 0.1"),
        ({"arrivals": ev((0, 3, 2, 1, 1))}, "arrival 3 and departure 2"),
        ({"arrivals": ev((0, 0, 2, 50, 50))}, "need_kwh 50 cannot be met"),
        ({"arrivals": ev((0, 1, 3, 1, 1))}, "it arrives at 1 h"),
        ({"left": [(0, 9)]}, "vehicle 9 of load 0"),
        ({"hour": 4}, "hour 0 is to be decided"),
    ],
)
def test_bad_observations_change_nothing(small_case, wrong, words):
    control = RollingScheduler(small_case, "pool")
    with pytest.raises(InputError) as error:
        control.step(Observation(**{"generation_mw": [0.01], **wrong}))
    assert words in str(error.value)
    assert (control.hour, len(control.history)) == (0, 0)
    assert control.step(Observation([0.01])).hour == 0


def test_an_interrupt_in_a_decision_changes_nothing(small_case):
    class Stopped:
        name = "stopped"
        calls = 0

        def decide(self, state, rng):
            self.calls += 1
            if self.calls == 2:
                raise KeyboardInterrupt
            from adnflex.problems.rolling.policy_names import policy_of

            return policy_of("pool", small_case).decide(state, rng)

    control = RollingScheduler(small_case, Stopped())
    day = draw_day(small_case, 1)
    control.step(observation(day, 0))
    before = (control.energy.copy(), control.vehicles.need.copy())
    with pytest.raises(KeyboardInterrupt):
        control.step(observation(day, 1))
    assert control.hour == 1
    assert np.array_equal(control.energy, before[0])
    assert np.array_equal(control.vehicles.need, before[1])
    assert control.step(observation(day, 1)).hour == 1


def test_measurements_correct_what_is_believed(small_case, caplog):
    control = RollingScheduler(small_case, "pool")
    control.step(Observation([0.0], ev((0, 0, 3, 13.2, 13.2), (1, 0, 3, 19.8, 19.8)), storage_mwh={0: 0.06}))
    assert control.history[0].before_mwh.tolist() == pytest.approx([0.06])
    # vehicle 0 got nothing, vehicle 1 half: it can no longer get all it needs
    decision = control.step(Observation([0.0], delivered_mwh={(0, 0): 0.0, (0, 1): 0.0033}, storage_mwh=[0.05]))
    assert decision.vehicles.need.tolist() == pytest.approx([0.0132, 0.0132])
    assert decision.unmet_mwh == pytest.approx(0.0033)
    assert "can no longer be met" in caplog.text
    last = control.step(Observation([0.0], left=[(0, 0)]))
    assert last.unmet_mwh == pytest.approx(0.0066)
    assert last.vehicles.number.tolist() == [1]
    values = control.setpoints(last)
    assert values["load", "p_mw", 0] == pytest.approx(0.0066)
    assert values["storage", "p_mw", 0] == pytest.approx(last.storage_mw[0])
    # the last hour of vehicle 1 brought it half of what it should have
    after = control.step(Observation([0.0], delivered_mwh={(0, 1): 0.0033}))
    assert after.unmet_mwh == pytest.approx(0.0033)
    with pytest.raises(InputError, match="was not there in the hour before"):
        control.step(Observation([0.0], delivered_mwh={(0, 1): 0.0033}))
    assert "could not be met" in run_of(control).notes[0]


def test_energy_that_was_optional_does_not_become_needed(small_case):
    control = RollingScheduler(small_case, "pool")
    control.step(Observation([0.0], ev((0, 0, 3, 3.0, 13.2))))
    decision = control.step(Observation([0.0], delivered_mwh={(0, 0): 0.001}))
    assert decision.vehicles.need.tolist() == pytest.approx([0.002])
    assert decision.vehicles.limit.tolist() == pytest.approx([0.0122])


def test_a_policy_that_cannot_be_followed_is_named(small_case):
    from adnflex.problems.rolling import Action

    class Wild:
        name = "wild"

        def decide(self, state, rng):
            return Action(np.array([0.0, 0.099]), np.array([0.5]))

    with pytest.raises(InputError) as error:
        RollingScheduler(small_case, Wild()).step(Observation([0.0]))
    words = ("policy wild at hour 0", "0.099 MW at bus 2", "storage 0", "0.5 MW")
    assert all(word in str(error.value) for word in words)


def test_the_next_day_begins_with_the_energy_of_the_last(small_case):
    control = RollingScheduler(small_case, "pool")
    with pytest.raises(InputError, match="not over"):
        control.next_day()
    simulate_day(control, draw_day(small_case, 1))
    with pytest.raises(InputError, match="is over"):
        control.step(Observation([0.0]))
    energy = control.energy
    control.next_day()
    simulate_day(control, draw_day(small_case, 1, control.day))
    assert control.history[0].before_mwh.tolist() == energy.tolist()
    assert control.history[0].day == 1


def test_the_second_stage_is_told_and_kept(small_case, tmp_path):
    told = []

    def stage(decision):
        told.append(decision)
        assert sum(decision.ev_mw.values()) == pytest.approx(decision.action.ev.sum())
        return ReactiveAnswer({0: 0.1 * decision.hour}, {0: 1.0, 1: 0.99}, 0.01, {"loss_mw": 0.02})

    control = RollingScheduler(small_case, "pool", reactive=stage)
    day = draw_day(small_case, 1)
    lead(control, day, 3)
    control.save(tmp_path / "s.json")
    again = RollingScheduler.load(tmp_path / "s.json", small_case, reactive=stage)
    simulate_day(again, day)
    assert told[0].previous is None
    assert told[3].previous.q_mvar == {0: pytest.approx(0.2)}
    run = run_of(again)
    assert run.reactive[0].tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert run.vm_pu.shape == (6, 2)
    assert run.reactive_facts["loss_mw"].tolist() == [0.02] * 6
    path = tmp_path / "run.json"
    run.save(path)
    pd.testing.assert_frame_equal(type(run).load(path).vm_pu, run.vm_pu)


@pytest.mark.parametrize(("q", "words"), [({7: 0.1}, "sgen 7 is not in the net"), ({0: np.nan}, "sgen 0 is to give")])
def test_a_second_stage_that_answers_for_nobody_is_named(small_case, q, words):
    control = RollingScheduler(small_case, "pool", reactive=lambda decision: ReactiveAnswer(q))
    with pytest.raises(InputError, match=f"second stage at hour 0: {words}"):
        control.step(Observation([0.0]))
    assert control.history == []


def all_devices():
    """A small net with a site, taps and a bank beside vehicles, sun and a storage, all with a scaling of their own."""
    found = net()
    found.bus["min_vm_pu"], found.bus["max_vm_pu"] = 0.98, 1.02
    pp.create_load(found, 2, 0.6, 0.4)
    pp.create_sgen(found, 2, 0.0, type="svc", min_q_mvar=-0.1, max_q_mvar=0.3, min_p_mw=0.0, controllable=True)
    found.sgen.loc[0, "controllable"] = False
    pp.create_shunt(found, 1, q_mvar=-0.1, p_mw=0.0, step=0, max_step=3)
    pp.create_bus(found, 110.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_transformer(found, 3, 0, "25 MVA 110/20 kV")
    found.trafo["vn_lv_kv"] = 12.66
    found.ext_grid["bus"] = 3
    for table in ("trafo", "shunt"):
        found[table]["controllable"], found[table]["max_moves_per_day"] = True, 20.0
    found.sgen["scaling"], found.storage["scaling"] = [0.5, 2.0], 0.8
    found.load.loc[0, "scaling"] = 4.0
    return found


def test_setpoints_are_what_the_checked_day_writes():
    """In charge and simulated: the same values reach the net, of every table and column, whatever the scaling."""
    case = RollingCase.from_net(all_devices(), renewables=Steady())
    stage = ScenarioReactive(scenarios=2)
    run = schedule_rolling(case, "pool", reactive=stage)
    control = RollingScheduler(case, "pool", reactive=stage)
    simulate_day(control, draw_day(case, 1))
    known = set()
    for decision in control.history:
        values = control.setpoints(decision)
        row = run.setpoints.loc[decision.hour]
        assert values.to_dict() == pytest.approx(row[values.index].to_dict())
        rest = row.index.difference(values.index)
        assert {(table, i) for table, _, i in rest} == {("load", 1)}  # what nobody decides
        known |= {(table, column) for table, column, _ in values.index}
        write(case.net, values)
    powers = {("load", "p_mw"), ("storage", "p_mw"), ("sgen", "p_mw"), ("sgen", "q_mvar")}
    assert known == {*powers, ("trafo", "tap_pos"), ("shunt", "step")}
    assert validate(run, case.net).converged


def test_real_measurements_without_a_known_state(case):
    day = draw_day(case, 1)
    control = RollingScheduler(case, "rollout", simulations=3)
    for hour in range(9):
        control.step(Observation(dict(zip(case.generators.index, day.generation_mw[hour], strict=True))))
    assert control.weather.shape == (7,)


def test_runs_are_the_same_for_a_seed_and_differ_between_seeds(case):
    one, again = (schedule_rolling(case, "rollout", simulations=3, seed=5) for _ in range(2))
    other = schedule_rolling(case, "rollout", simulations=3, seed=6)
    pd.testing.assert_frame_equal(one.costs, again.costs, check_exact=True)
    assert one.total != other.total
