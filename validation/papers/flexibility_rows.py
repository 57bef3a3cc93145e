"""Rows of the paper on small-micro parks (Processes 13(10), 3202, 2025, doi:10.3390/pr13103202)."""

from __future__ import annotations

from typing import Any

from rows import AGAIN, FLEXIBILITY, SYSTEM, Row, Stored, drawn, figure, near, page, plain, same, text

GIVEN = page(FLEXIBILITY, "given-topologies", "flexibility")
BEST = page(FLEXIBILITY, "the-best-topology", "flexibility")
BESIDE = page(FLEXIBILITY, "beside-the-paper", "flexibility")
FOLLOWED = page(FLEXIBILITY, "trajectories-and-vertices", "flexibility")
KNOWN = page(FLEXIBILITY, "what-knowing-the-future-is-worth", "flexibility")
REGION = page(FLEXIBILITY, "the-pq-region-of-cigre-mv", "flexibility")
TWO, DAY, WITHOUT = "2 periods", "24 periods", "24 periods, without q"
CHOSEN = (
    "hours, ratings and the upper voltage limit of our case were chosen after seeing results, so that nearness proves "
    "nothing"
)


def _park(s: Stored) -> Any:
    return s["papers"]["systems"]["flexibility"]


def _gain(s: Stored, case: str, lines: str = "flexibility", size: str = "total_mwh") -> float:
    """Growth of the box against the present lines [%]."""
    found = s["flexibility"]["free"]["rows"][case]["comparison"]
    return 100 * (float(found[lines][size]) / float(found["present"][size]) - 1)


def _apart(s: Stored) -> float:
    """Largest relative difference of a linear box to that of an independent program."""
    rows = s["flexibility"]["table"]["rows"].values()
    return max(abs(float(r["separable"]) / float(r["reference"]) - 1) for r in rows)


def _switched(s: Stored) -> tuple[float, float]:
    """Linear box of the paper's lines, found among switched ones and computed for lines as given [MWh]."""
    found = s["flexibility"]["free"]["rows"][DAY]["comparison"]["paper"]["linear_mwh"]
    return float(found), float(s["flexibility"]["table"]["rows"][f"{DAY}: paper"]["separable"])


def _told(case: str, lines: str = "flexibility") -> Any:
    return lambda s: f"{_gain(s, case, lines, 'linear_mwh'):+.1f} % linear, {_gain(s, case, lines):+.1f} % in AC"


SYSTEM_ROWS = [
    same("flexibility", "nodes of the park", "33", "buses", 33),
    same("flexibility", "lines, ties among them", "37", "lines", 37),
    same("flexibility", "ties", "L33 to L37", "ties", ["L33", "L34", "L35", "L36", "L37"]),
    same("flexibility", "node of common coupling", "1", "pcc", [1]),
    Row("number of photovoltaic generators", "10", SYSTEM, lambda s: f"{len(_park(s)['sun'])}",
        lambda s: len(_park(s)["sun"]) == 10),
    same("flexibility", "rating of each [MW]", "0.4", "sun_mw", [0.4]),
    Row("Table 1: nodes of the generators", "an image; the text names 4, 6, 11, 15, 18, 29, 33", SYSTEM,
        lambda s: plain(*_park(s)["sun"]), None, "the table is an image; three places are a second plant of ours"),
    Row("number of storages", "6", SYSTEM, lambda s: f"{len(_park(s)['storages'])}",
        lambda s: len(_park(s)["storages"]) == 6),
    same("flexibility", "storage: charge and discharge [MW]", "0.2, 0.2", "storage_mw", [0.2, 0.2]),
    same("flexibility", "storage: start, least, most [MWh]", "0.3, 0.15, 0.8", "storage_mwh", [0.3, 0.15, 0.8]),
    same("flexibility", "storage: efficiencies [%]", "90, 90", "storage_percent", [90.0, 90.0]),
    Row("Table 1: nodes of the storages", "an image", SYSTEM, lambda s: plain(*_park(s)["storages"]), None,
        "the table is an image"),
    Row("Table 2: capacities of the lines", "an image", GIVEN, text("L8, L9, L28 0.7 MVA, others 1 to 6"), None,
        "the table is an image"),
    Row("Fig. 4: curves of load and sun", "an image", GIVEN, text("chosen"), None, "no digits"),
    Row("voltage limits", "not printed; the upper one binds", GIVEN, text("0.95 to 1.03 pu"), None, "not printed"),
]  # fmt: skip

METHOD_ROWS = [
    Row("eq. 1: a lower and an upper power for each hour", "definition", GIVEN,
        lambda s: f"box of {s['flexibility']['table']['rows'][f'{DAY}: present']['total']:.4f} MWh in AC",
        lambda s: bool(s["flexibility"]["trajectories"]["rows"]["present"]["passed"]), "it does not hold"),
    Row("eqs. 2 to 4: photovoltaics within their circle", "a constraint", GIVEN,
        lambda s: f"rating {plain(*_park(s)['sun_mva'])} MVA, 16 sides", lambda s: _park(s)["sun_mva"] == [0.4]),
    Row("eqs. 5 to 8: storage over time", "a constraint", FOLLOWED,
        lambda s: f"held along {s['flexibility']['trajectories']['rows']['present']['trajectories']:,} trajectories",
        lambda s: bool(s["flexibility"]["trajectories"]["rows"]["present"]["passed"])),
    Row("eqs. 9 to 12: LinDistFlow", "the model", GIVEN,
        lambda s: f"largest deviation of twelve linear boxes from an independent program "
        f"{_apart(s):.4%}", lambda s: _apart(s) < 1e-3),
    Row("the LinDistFlow box holds in AC power flow", "not examined", GIVEN,
        lambda s: "{total:.4f} MWh in AC for {separable:.4f} linear".format(
            **s["flexibility"]["table"]["rows"][f"{DAY}: paper"]), False,
        "the paper's box is linear; losses make the box that holds larger or smaller, and ours is the one that holds"),
    Row("eqs. 22 to 27: any trajectory in the box can be followed", "random points verified", FOLLOWED,
        lambda s: "{trajectories:,} trajectories, {vertices} vertices, followed to {worst_error_w:.0f} W".format(
            **s["flexibility"]["trajectories"]["rows"]["best"]),
        lambda s: bool(s["flexibility"]["trajectories"]["rows"]["best"]["passed"])),
    Row("eqs. 28 to 30: radial by parents", "a constraint", BEST,
        lambda s: f"open {' '.join(s['flexibility']['free']['rows'][DAY]['open'])}",
        lambda s: len(s["flexibility"]["free"]["rows"][DAY]["open"]) == 5),
    Row("eqs. 31 to 35: big M for switched lines", "a constraint", BEST,
        lambda s: f"the paper's lines as switched {_switched(s)[0]:.3f}, as given {_switched(s)[1]:.3f} MWh",
        lambda s: near(*_switched(s), 1e-3), "the two differ"),
    Row("sections 3.2, 3.3, Fig. 2: column and constraint generation, given lines", "the algorithm", AGAIN,
        lambda s: "{rounds} rounds, {linear_mwh:.4f} MWh; by linear programmes {other_mwh:.4f}".format(
            **s["papers"]["recomputed"]["generation"]),
        lambda s: near(*(s["papers"]["recomputed"]["generation"][k] for k in ("linear_mwh", "other_mwh")), 1e-4),
        "the two boxes differ"),
    Row("the same over all topologies", "switch states in the master problem", BEST,
        text("a search over topologies, and a bound over all of them"), False,
        "the search is faster, and its bound covers every radial topology"),
    Row("hour by hour or with foresight", "not told apart", KNOWN,
        lambda s: "{separable:.4f} and {foresighted:.4f} MWh".format(
            **s["flexibility"]["foresight"]["rows"]["opposite hours"]),
        False, "the paper's two-stage model lets the dispatch know the whole trajectory; ours promises what can be "
        "followed hour by hour, and reports both"),
    Row("solved to optimality", "Gurobi, time not printed", BEST,
        lambda s: "linear bound {bound:.4f}, best {best_linear:.4f} MWh, {wall:.0f} s".format(
            **s["flexibility"]["free"]["rows"][DAY]),
        lambda s: s["flexibility"]["free"]["rows"][DAY]["bound"] / s["flexibility"]["free"]["rows"][DAY]["best_linear"]
        < 1.0005, "the bound is farther away"),
]  # fmt: skip


def _binding(s: Stored) -> list[str]:
    return [f"{kind} at {element} {index}, hour {hour}" for kind, element, index, hour in
            s["flexibility"]["table"]["rows"][f"{TWO}: present"]["binding"]]  # fmt: skip


RESULT_ROWS = [
    Row("Fig. 5: two periods, before reconfiguration", "about 10.6 (2.98 is 28 %)", GIVEN,
        lambda s: f"{s['flexibility']['table']['rows'][f'{TWO}: present']['separable']:.3f} MWh linear", None,
        "2.98 has no unit, and may be an area of the plane of the two powers"),
    Row("Fig. 5: two periods, reconfigured for flexibility", "+28 % nearly", BESIDE, _told(TWO),
        lambda s: near(_gain(s, TWO), 28.0, 3.0), CHOSEN),
    Row("Fig. 5: two periods, reconfigured for least losses: no gain (losses of the loads alone)", "no gain", BEST,
        _told(TWO, "least losses of the loads alone"), lambda s: _gain(s, TWO, "least losses of the loads alone") <= 0,
        "it gains"),
    Row("the same with the losses of devices and loads together", "no gain", BEST, _told(TWO, "least losses"),
        lambda s: _gain(s, TWO, "least losses") <= 0,
        "with the infeed counted, the topology of least losses is the most flexible one too; which losses the paper "
        "means is not said"),
    Row("Fig. 6: opened lines", "L8, L9, L28", BEST,
        lambda s: " ".join(s["flexibility"]["free"]["rows"][TWO]["open"]),
        lambda s: {"L8", "L9", "L28"} <= set(s["flexibility"]["free"]["rows"][TWO]["open"]),
        "several topologies reach what the devices can give at most; among them the largest box in AC is taken"),
    Row("the paper's own lines, two periods", "+28 % nearly", BESIDE, _told(TWO, "paper"),
        lambda s: near(_gain(s, TWO, "paper", "linear_mwh"), 28.0, 3.0), CHOSEN),
    Row("Figs. 6, 7: the upper voltage limit holds the present feeder back", "it does", GIVEN,
        lambda s: "; ".join(_binding(s)), lambda s: any("voltage high" in b for b in _binding(s)),
        "another limit does"),
    Row("Fig. 7, Table 2: capacities of L8, L9 and L28 hold the present feeder back", "they do", GIVEN,
        lambda s: "; ".join(_binding(s)), lambda s: any("loading" in b for b in _binding(s)),
        "among the three dearest limits are only voltages; capacities hold back less"),
    Row("Figs. 8, 10: 24 periods with reactive power", "+16 %", BESIDE, _told(DAY),
        lambda s: near(_gain(s, DAY), 16.0, 3.0), CHOSEN),
    Row("Figs. 9, 10: 24 periods without reactive power", "+7 %", BESIDE, _told(WITHOUT),
        lambda s: near(_gain(s, WITHOUT), 7.0, 3.0),
        "other lines do without reactive power; the paper's own lines give "
        "less, as the row below says"),
    Row("the paper's own lines, 24 periods", "+16 %", BESIDE, _told(DAY, "paper"),
        lambda s: near(_gain(s, DAY, "paper"), 16.0, 4.0), CHOSEN),
    Row("the paper's own lines, 24 periods without reactive power", "+7 %", BESIDE, _told(WITHOUT, "paper"),
        lambda s: near(_gain(s, WITHOUT, "paper"), 7.0, 3.0), CHOSEN),
    Row("reactive power makes reconfiguration worth more", "16 % against 7 %", BESIDE,
        lambda s: f"{_gain(s, DAY):+.1f} % against {_gain(s, WITHOUT):+.1f} %",
        lambda s: _gain(s, DAY) > _gain(s, WITHOUT) + 1.0,
        "not where the lines are chosen anew for each case; with the paper's lines it does"),
    Row("a box of the present lines, set and run again", "–", AGAIN,
        lambda s: "{total_mwh:.4f} MWh of {promised_mwh:.4f}, {error_w:.1g} W off".format(
            **s["papers"]["recomputed"]["flexibility"]["present"]),
        lambda s: s["papers"]["recomputed"]["flexibility"]["present"]["error_w"] < 100
        and s["papers"]["recomputed"]["flexibility"]["present"]["loading"] < 100.01),
    Row("isolated, interconnected parks", "named, not studied", "–", text("–"), None,
        "the paper gives no case; several coupling points at once are not offered yet"),
    Row("frequency regulation", "named as open", "–", text("–"), None, "named as future work"),
    Row("P-Q range at the coupling point (section 2.1, item 4)", "named, not drawn", REGION,
        lambda s: "drawn for the park" if drawn(s, "P-Q region", ("region",)) else "missing",
        lambda s: drawn(s, "P-Q region", ("region",)), "the report does not have it"),
]  # fmt: skip

FIGURE_ROWS = [
    figure("Figs. 1, 5: powers of two periods as a plane", "flexibility", ("plane",), "areas"),
    figure("Figs. 5, 8, 9: boxes before and after", "flexibility", ("box",), "areas"),
    figure("Fig. 6: the chosen lines on the map", "flexibility", ("network",), "a map"),
    figure("Fig. 7: which limits no longer hold back", "flexibility", ("relieved",), "an outline"),
    figure("Fig. 10: sums side by side", "flexibility", ("sizes", "comparison"), "bars"),
    figure("P-Q region", "P-Q region", ("region",), "–"),
]  # fmt: skip

ROWS = {
    "Systems and settings": SYSTEM_ROWS,
    "Methods and constraints": METHOD_ROWS,
    "Studies and comparisons": RESULT_ROWS,
    "Figures": FIGURE_ROWS,
}
