"""Every keyword of every verb is an option of a command, called as in Python; help needs nothing heavy."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pandapower.networks import case33bw

import adnflex
from adnflex.arguments.described import knobs_of
from adnflex.cli import EXIT_INPUT, EXIT_OK, main
from adnflex.cli.commands import COMMANDS, verb_of
from adnflex.cli.options import knobs_of_command, parse, parser_of
from adnflex.errors import InputError

# Verbs that are no command, and why.
IN_PYTHON_ONLY = {
    "report": "every command has --report",
    "load": "validate loads PLAN",
    "compare_plans": "report draws several plans side by side",
    "model": "it returns a Pyomo model",
}
# Keywords that are no option, and why.
UNSAID = {
    "net": "a place of the command line",
    "plan": "a place of the command line",
    "case": "read from NET",
    "progress": "the progress line",
    "executor": "an object; --workers says how many processes",
    "renewables": "an object",
    "change": "a function",
    "situations": "nets; rows of --profiles do as well",
    "arrivals": "an object, or net.ev",
    "policies": "--policy takes several names",
    "nets": "places of the command line",
    ("contingencies", "before"): "NET, where --plan is given",
    ("sweep", "name"): "made of net and variant",
    "law": "an object",
    ("pareto", "points"): "--pareto says how many",
}
VERBS = [name for name in adnflex.__all__ if "public" in getattr(getattr(adnflex, name), "__dict__", {})]


def options_of(command: str) -> set[str]:
    return {word for action in parser_of(command)._actions for word in action.option_strings}


def test_the_walk_sees_the_verbs():
    assert {"dispatch", "reconfigure", "flexibility", "validate", "schedule_rolling", "pareto"} <= set(VERBS)


@pytest.mark.parametrize("verb", [v for v in VERBS if v not in IN_PYTHON_ONLY])
def test_every_keyword_is_an_option_called_as_in_python(verb):
    commands = [name for name, command in COMMANDS.items() if verb in command.verbs]
    assert commands, f"no command calls {verb}"
    if verb == "validate":  # what it knows of boxes stands at their commands
        commands = ["validate"]
    for command in commands:
        options = options_of(command)
        for name in knobs_of(verb_of(verb)):
            if name not in UNSAID and (verb, name) not in UNSAID:
                assert f"--{name.replace('_', '-')}" in options, f"{command} cannot say {name} of {verb}"


@pytest.mark.parametrize("command", [c for c in COMMANDS if COMMANDS[c].verbs])
def test_every_option_of_a_verb_has_words_in_its_help(command):
    silent = [name for name, knob in knobs_of_command(COMMANDS[command]).items() if not knob.text]
    assert not silent


def test_no_exception_is_left_over():
    known = {name: knobs_of(verb_of(name)) for name in VERBS}
    for verb in IN_PYTHON_ONLY:
        assert verb in known
        assert not any(verb in command.verbs for command in COMMANDS.values())
    for key in UNSAID:
        verb, name = key if isinstance(key, tuple) else ("", key)
        owners = [verb] if verb else [*known, "RollingCase.from_net"]
        assert any(name in (known.get(o) or knobs_of(verb_of(o))) for o in owners), key


@pytest.mark.parametrize("command", COMMANDS)
def test_a_summary_is_one_short_line(command):
    assert len(COMMANDS[command].summary) < 95
    assert "\n" not in COMMANDS[command].summary


WORDS = [
    ("reconfigure", "--objective losses=1,voltage=0.1", {"objective": {"losses": 1.0, "voltage": 0.1}}),
    ("reconfigure", "--switchable-lines all", {"switchable_lines": "all"}),
    ("reconfigure", "--locked-lines 3,7-9", {"locked_lines": [3, 7, 8, 9]}),
    ("dispatch", "--periods 96:99", {"periods": [96, 97, 98]}),
    ("dispatch", "--no-exact", {"exact": False}),
    ("dispatch", "--windows 1.5", {"windows": 1.5}),
    ("dispatch", "--gap 1e-2 --gap 1e-3", {"gap": 1e-3}),
    ("flexibility", "--pcc trafo:3", {"pcc": ("trafo", 3)}),
    ("flexibility", "--no-reactive-power", {"reactive_power": False}),
    ("flexibility", "--final-energy 25", {"final_energy": 25.0}),
    ("flexibility", "--levels none", {"levels": None}),
    ("reconfigure-for-flexibility", "--compare a=7,8 --compare b=1-3", {"compare": {"a": [7, 8], "b": [1, 2, 3]}}),
    ("sweep", "--variants a b:gap=0.1", {"variants": {"a": {}, "b": {"gap": 0.1}}}),
    ("dispatch", "--scenarios days.json", {"scenarios": Path("days.json")}),
    ("roll", "--scenarios 3", {"scenarios": 3}),
    ("scenarios", "--sigma-percent PV=5,WP=4", {"sigma_percent": {"PV": 5.0, "WP": 4.0}}),
    ("scenarios", "--sigma-percent 2.5 --keep none", {"sigma_percent": 2.5, "keep": None}),
    ("scenarios", "--vehicles 32=300 --vehicles 7=20", {"vehicles": {32: 300, 7: 20}}),
    ("scenarios", "--ar 0.8,0.1 --ma 0.2", {"ar": [0.8, 0.1], "ma": [0.2]}),
    ("roll", "--policy rollout,mpc:5", {"policy": ["rollout", "mpc:5"]}),
    ("roll", "--exchange-limit-mw feeder", {"exchange_limit_mw": "feeder"}),
    ("roll", "--reactive none", {"reactive": None}),
    ("roll", "--state day.json", {"state": Path("day.json")}),
]


@pytest.mark.parametrize(("command", "words", "given"), WORDS, ids=lambda v: v if isinstance(v, str) else "")
def test_words_become_what_python_takes(command, words, given):
    assert parse(command, ["case33bw", *words.split()]).given == given


def test_numbers_of_periods_are_arrays():
    given = parse("flexibility", ["x", "--required-mw", "0,0.1", "0.2"]).given
    down, up = given["required_mw"]
    assert (list(down), up) == ([0.0, 0.1], 0.2)


@pytest.mark.parametrize("command", [c for c in COMMANDS if COMMANDS[c].verbs])
def test_every_option_takes_a_word_or_refuses_it_by_name(command):
    said: dict[str, int] = {}
    for name, knob in knobs_of_command(COMMANDS[command]).items():
        assert knob.kind is not None
        if knob.kind.words != 0:
            said[f"--{name.replace('_', '-')}"] = knob.kind.words if isinstance(knob.kind.words, int) else 1
    for word in ("?", "a=b"):
        with pytest.raises(InputError) as error:
            parse(command, ["x", *(w for option, count in said.items() for w in (option, *[word] * count))])
        named = {finding.split(":")[0] for finding in map(str, error.value.findings)}
        assert named <= set(said)
        assert named


def test_all_wrong_words_are_said_at_once():
    with pytest.raises(InputError) as error:
        parse("dispatch", ["x", "--gap", "x", "--periods", "b", "--start-hour", "-1", "--net-period", "z"])
    assert len(error.value.findings) == 4


@pytest.mark.parametrize("words", [[], ["dispach"], ["dispatch"], ["dispatch", "x", "--gup", "1"]])
def test_words_that_are_no_command_line(words, capsys):
    assert main(words) == EXIT_INPUT
    told = capsys.readouterr().err
    assert re.fullmatch(r"adnflex( dispatch)?: error: .+; 'adnflex( dispatch)? --help' lists all there is\.\n", told)


@pytest.mark.parametrize("words", ["losses=1,losses=2", "losses=1, losses=1"])
def test_a_name_that_is_said_twice_is_refused(words):
    with pytest.raises(InputError, match="losses"):
        adnflex.reconfigure(case33bw(), **parse("reconfigure", ["case33bw", "--objective", words]).given)


HEAVY = ("pandapower", "pyomo", "numpy", "pandas", "scipy", "plotly", "networkx")
# What only some calls need, on top of what pandapower and Pyomo import: reports, weather, clusters, judges, files.
RARE = (
    "plotly.graph_objs", "plotly.express", "statsmodels", "dask", "distributed", "simbench", "power_grid_model",
    "matplotlib", "jinja2", "pyscipopt", "adnflex.reporting", "adnflex.cli", "adnflex.adapters", "adnflex.matpower",
)  # fmt: skip


def imported_by(code: str, modules: tuple[str, ...]) -> list[str]:
    """Which modules are there in a fresh process that has run some lines; what else they write is none of it."""
    last = f"import sys; print([m for m in {modules} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{last}"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    *before, found = done.stdout.splitlines()
    assert "help" in code or "version" in code or not before
    return list(ast.literal_eval(found))


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(word):
    """The time that they take is that of these imports."""
    assert imported_by(f"from adnflex.cli import main; assert main([{word!r}]) == {EXIT_OK}", HEAVY) == []


def test_the_package_itself_imports_nothing_heavy_and_says_nothing():
    assert imported_by("import adnflex; dir(adnflex)", HEAVY) == []


def test_a_verb_imports_what_pandapower_and_pyomo_do_and_no_more():
    """Modules that come along with them are theirs."""
    theirs = "import sys, pandapower, pandapower.networks, pyomo.environ; there = set(sys.modules)"
    verbs = "adnflex.reconfigure, adnflex.dispatch, adnflex.flexibility, adnflex.validate"
    forget = f"[sys.modules.pop(m) for m in there & set({RARE})]"
    assert imported_by(f"{theirs}; import adnflex; {verbs}; {forget}", RARE) == []


# --- what the package itself names ------------------------------------------------------------------------


def test_type_checkers_see_the_names_that_there_are():
    tree = ast.parse(Path(inspect.getfile(adnflex)).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    static = {(alias.asname, node.module) for node in block.body for alias in node.names}
    assert static == set(adnflex._HOME_OF.items())
    assert set(adnflex.__all__) <= set(dir(adnflex))


@pytest.mark.parametrize("name", adnflex.__all__)
def test_every_public_name_is_there(name):
    assert getattr(adnflex, name) is not None


def test_another_name_is_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'dispach'"):
        _ = adnflex.dispach


def test_the_version_stands_in_one_place():
    from adnflex.results import versions

    assert versions()["adnflex"] == adnflex.__version__
    text = Path("CITATION.cff").read_text(encoding="utf-8") if Path("CITATION.cff").exists() else ""
    if text:
        assert f"\nversion: {adnflex.__version__}\n" in text
