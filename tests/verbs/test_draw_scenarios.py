"""Scenarios drawn for a net: what varies and how, what is kept, what a dispatch makes of them; refusals by name."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import adnflex
from adnflex.cli import EXIT_INPUT, EXIT_OK, main
from adnflex.errors import InputError
from adnflex.scenarios import sample_fleet

FEW = {"count": 40, "keep": 3, "seed": 5}
SIGMA = {"PV": 5.0, "WP": 4.0}


@pytest.fixture(scope="module")
def net():
    return adnflex.networks.load("ieee33_dispatch")


@pytest.fixture(scope="module")
def drawn(net):
    return adnflex.draw_scenarios(net, sigma_percent=SIGMA, vehicles={32: 300}, runs=4, **FEW)


def test_what_is_drawn_lies_around_the_forecast(net):
    many = adnflex.draw_scenarios(net, sigma_percent=SIGMA, count=2000, keep=1)
    values = many.all.profiles["sgen", "p_mw"]
    ahead = many.forecast.to_numpy()
    noise = values.std(axis=0)
    assert np.abs(values.mean(axis=0) - ahead).max() < 5 * noise.max() / 2000**0.5
    assert noise[ahead[:, 0] == 0.0, 0].max() == 0.0  # nights stay dark
    # an error is 3.33 times its noise
    assert noise[12, 2] == pytest.approx(3.33 * 0.04 * 1.5, rel=0.1)
    assert noise[12, 0] == pytest.approx(3.33 * 0.05 * ahead[12, 0], rel=0.15)


def test_same_type_same_weather_only_where_asked(net, drawn):
    common = adnflex.draw_scenarios(net, sigma_percent=SIGMA, common_weather=True, **FEW)
    together, apart = (d.all.profiles["sgen", "p_mw"] for d in (common, drawn))
    assert np.array_equal(together[..., 0], together[..., 1])
    assert not np.allclose(apart[..., 0], apart[..., 1])


def test_types_that_are_not_named_keep_to_their_forecast(net):
    wind = adnflex.draw_scenarios(net, sigma_percent={"WP": 4.0}, **FEW)
    assert wind.sources["type"].unique().tolist() == ["WP"]
    assert wind.few.elements == {("sgen", "p_mw"): (2, 3)}


def test_a_seed_fixes_each_generator_whatever_else_is_drawn(net, drawn):
    again = adnflex.draw_scenarios(net, sigma_percent={"WP": 4.0}, **FEW)
    assert np.array_equal(again.drawn.to_numpy(), drawn.drawn[again.drawn.columns].to_numpy())
    other = adnflex.draw_scenarios(net, sigma_percent={"WP": 4.0}, **{**FEW, "seed": 6})
    assert not np.array_equal(other.drawn.to_numpy(), again.drawn.to_numpy())


def test_what_is_kept_is_what_the_reduction_says(drawn):
    kept, reduction = drawn.all.reduce(3)
    assert drawn.kept["drawn"].tolist() == reduction.kept.tolist()
    assert drawn.few.probabilities == pytest.approx(kept.probabilities)
    assert drawn.distance == pytest.approx(reduction.distance)
    counted = drawn.nearest["kept"].value_counts(normalize=True).sort_index()
    assert counted.to_numpy() == pytest.approx(drawn.kept["probability"].to_numpy())


def test_vehicles_take_the_place_of_the_profile(net, drawn):
    fleet = sample_fleet(np.random.default_rng([5, 1, 32]), 300, load=32, runs=4)
    assert np.allclose(drawn.few.profiles["load", "p_mw"][..., 0], fleet.mean_mw)
    assert np.allclose(drawn.fleets[32].to_numpy().reshape(4, 24), fleet.load_mw)
    scaled = copy.deepcopy(net)
    scaled.load.loc[32, "scaling"] = 2.0
    by_run = adnflex.draw_scenarios(scaled, vehicles={32: 300}, runs=4, fleet="runs", **FEW)
    load = by_run.all.profiles["load", "p_mw"][..., 0]
    assert np.allclose(2.0 * load[:8], np.tile(fleet.load_mw, (2, 1)))


def test_a_dispatch_takes_the_rows_of_its_periods(net, drawn):
    plan = adnflex.dispatch(net, scenarios=drawn.few, periods=range(17, 19))
    assert plan.scenarios["probability"].to_numpy() == pytest.approx(drawn.kept["probability"].to_numpy())
    ahead = plan.inputs["sgen", "p_mw", 2].to_numpy().reshape(3, 2)
    assert np.allclose(ahead, drawn.few.profiles["sgen", "p_mw"][:, 17:19, 2])
    assert adnflex.validate(plan, net).passed


def test_quarter_hours_and_a_net_without_types(net):
    plain = copy.deepcopy(net)
    plain.sgen["type"] = None
    found = adnflex.draw_scenarios(plain, count=5, keep=None, hours_per_period=0.25, vehicles={32: 10}, runs=2)
    assert len(found.kept) == 5
    assert found.distance == 0.0
    assert found.vehicles.at[32, "mwh"] == pytest.approx(0.25 * found.fleets[32].mean() * 24)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sigma_percent": {"sun": 1.0}}, "sigma_percent: no generator that feeds in has the type 'sun'"),
        ({"sigma_percent": {}}, "nothing would vary"),
        ({"vehicles": {99: 3}}, "vehicles: 99 is no load in service"),
        ({"ar": [0.8, 0.15, 0.15]}, "is not stationary"),
        ({"periods": [1, 2, 5]}, "periods: row 5 does not follow"),
        ({"keep": 50, "count": 40}, "keep is 50, and there are 40 scenarios"),
    ],
)
def test_refusals_name_what_is_wrong(net, options, words):
    with pytest.raises(InputError) as error:
        adnflex.draw_scenarios(net, **{"count": 40, **options})
    assert words in str(error.value)
    assert len(error.value.findings) == 1


# --- on the command line ---------------------------------------------------------------------------------


def test_the_command_line_draws_plans_and_tries(tmp_path, capsys):
    days, fresh, plan = (str(tmp_path / f"{name}.json") for name in ("days", "fresh", "plan"))
    draw = ["scenarios", "ieee33_dispatch", "--quiet", "--sigma-percent", "PV=5,WP=4", "--periods", "17:18"]
    assert main([*draw, "--count", "20", "--keep", "2", "--vehicles", "32=300", "--result", days]) == EXIT_OK
    assert main([*draw, "--count", "2", "--keep", "none", "--seed", "1", "--result", fresh]) == EXIT_OK
    words = ["--scenarios", days, "--value-of-information", "--out-of-sample", fresh, "--periods", "17:18"]
    report = tmp_path / "r.html"
    code = main(["dispatch", "ieee33_dispatch", *words, "--plan", plan, "--report", str(report)])
    told = capsys.readouterr()
    assert code == EXIT_OK, told.err
    assert "value of the stochastic solution" in told.out
    assert "out of sample: 2 of 2 hold" in told.out
    found = adnflex.load(plan)
    assert len(found.scenarios) == 2
    assert found.wait_and_see <= found.objective + 1e-6 * found.objective
    assert found.out_of_sample["passed"].all()
    page = report.read_text(encoding="utf-8")
    for anchor in ("reduction-figure", "fleets-figure", "fresh-figure", "probabilities-figure"):
        assert anchor in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--value-of-information"], "--value-of-information: is that of scenarios"),
        (["--pareto", "3", "--out-of-sample", "x.json"], "--out-of-sample: is that of one plan"),
        (["--pareto", "3", "--study", "1,2"], "--pareto: sweeps one net"),
        (["--pareto", "3", "--objective", "carbon"], "--objective: is set by --pareto itself"),
        (["--pareto", "1"], "--pareto: '1' is not allowed; give 2 or more"),
        (["--workers", "2"], "--workers: is of --value-of-information"),
        (["--scenarios", "nowhere.json"], "nowhere.json"),
    ],
)
def test_options_that_mean_nothing_are_refused(words, told, capsys):
    assert main(["dispatch", "ieee33_dispatch", *words]) == EXIT_INPUT
    assert told in capsys.readouterr().err
