"""Rows of Wan et al. 2023: day-ahead, low-carbon dispatch (doi:10.3389/fenrg.2023.1259445)."""

from __future__ import annotations

from typing import Any

from rows import AGAIN, DISPATCH, Row, Stored, figure, near, page, plain, same, text

CASE = page(DISPATCH, "the-case", "dispatch")
BESIDE = page(DISPATCH, "beside-the-paper", "dispatch")
STRESS = page(DISPATCH, "under-stress", "dispatch")
ACTING = page(DISPATCH, "voltages-currents-and-studies-in-which-the-devices-work", "dispatch")
TEN = page(DISPATCH, "ten-scenarios", "dispatch")
MODELS = "[models](../models/README.md)"
DEVICES = "[devices](../../docs/devices.md)"


def _system(s: Stored) -> Any:
    return s["papers"]["systems"]["dispatch"]


def _day(s: Stored, study: str) -> Any:
    return s["papers"]["recomputed"]["dispatch"][study]


def _row(s: Stored, study: str) -> Any:
    part = "case" if study in ("1", "2", "3") else "devices"
    return s["dispatch"][part]["rows"][study]


def _change(s: Stored, study: str, what: str) -> float:
    return 100 * (float(_row(s, study)[what]) / float(_row(s, "1")[what]) - 1)


def _holds(item: str, kinds: tuple[str, ...], study: str = "3", group: str = "case") -> Row:
    """Row about a constraint: it is checked after AC power flow, with how far its limit is away."""

    def limits(s: Stored) -> list[Any]:
        row = s["dispatch"][group]["rows"][study]
        found = [x for x in row["limits"] if x[0] in kinds]
        if not found or not row["passed"]:
            raise KeyError(item)
        return found

    def ours(s: Stored) -> str:
        return "; ".join(f"{kind} {value:.4g} of {limit:g}" for kind, _, _, _, value, limit in limits(s))

    where = CASE if group == "case" else STRESS
    return Row(item, "a constraint", where, ours, lambda s: bool(limits(s)))


SYSTEM_ROWS = [
    same("dispatch", "feeder: active load [MW]", "3.715", "load_mw", 3.715),
    same("dispatch", "feeder: reactive load [Mvar]", "2.3", "load_mvar", 2.3),
    same("dispatch", "reference voltage [kV]", "12.66", "vn_kv", 12.66),
    same("dispatch", "range of voltages [pu]", "0.94, 1.06", "vm", [0.94, 1.06]),
    Row("limit of the branch current", "0 to 10 A for its square", CASE, text("none binds"), None,
        "3.2 A at 12.66 kV could not carry the load, which needs 170 A; read as per unit on 10 MVA it never binds"),
    same("dispatch", "nodes of sun", "9, 19", "sun", [9, 19]),
    same("dispatch", "nodes of wind", "17, 32", "wind", [17, 32]),
    same("dispatch", "rating of each [MW]", "1.5", "rated_mw", [1.5]),
    same("dispatch", "cost of sun and wind [CNY/MWh]", "100", "generation_cost", [100.0]),
    same("dispatch", "tap changer: range [pu]", "0.94, 1.05", "tap_range", [0.94, 1.05]),
    same("dispatch", "tap changer: step [pu]", "0.01", "tap_step", 0.01),
    same("dispatch", "tap changer: positions", "11", "tap_positions", 11,
          "0.94 to 1.05 by 0.01 are twelve positions, not eleven"),
    same("dispatch", "tap changer: moves a day", "5", "tap_moves", 5),
    same("dispatch", "tap changer: cost of a move [CNY]", "200", "tap_cost", 200.0),
    same("dispatch", "tap changer: start [pu]", "1.02", "tap_start", 1.02),
    same("dispatch", "banks: nodes", "5, 15", "banks", [5, 15]),
    same("dispatch", "banks: kvar of a step, steps", "100, 5", "bank_kvar", [100.0, 5]),
    same("dispatch", "banks: cost [CNY/Mvarh]", "100", "bank_cost", 100.0),
    Row("banks: moves a day", "limited, number not printed", CASE,
        lambda s: f"{_row(s, '3')['moves']['shunt 0'][1]:g}", None, "the number is not printed"),
    same("dispatch", "static compensators: nodes", "5, 15, 32", "svcs", [5, 15, 32]),
    same("dispatch", "static compensators: range [Mvar]", "-0.1, 0.3", "svc_mvar", [-0.1, 0.3]),
    same("dispatch", "storage: nodes", "15, 32", "storages", [15, 32]),
    same("dispatch", "storage: charge, discharge [MW]", "0.3, 0.2", "storage_mw", [0.3, 0.2]),
    same("dispatch", "storage: efficiencies [%]", "90, 90", "storage_percent", [90.0, 90.0]),
    same("dispatch", "vehicles: node", "22", "vehicles", [22]),
    same("dispatch", "carbon: price [CNY/kg], factor [kg/MWh]", "0.048, 581", "carbon", [0.048, 581.0]),
    Row("Table 1: adjustable vehicles", "an image", DEVICES, text("40 % transferable, 40 % reducible"), None,
        "the table is an image"),
    Row("Table 2: tariff", "an image", BESIDE, text("0.25, 0.53, 0.82 CNY/kWh"), None, "the table is an image"),
]  # fmt: skip

METHOD_ROWS = [
    Row("section 3.1, Fig. 1: load of 300 vehicles by Monte Carlo, 30 runs", "method", BESIDE,
        lambda s: f"{s['dispatch']['case']['fleets']['1']['sampled_mwh']:.3f} MWh a day, "
        f"peak {1e3 * s['dispatch']['case']['fleets']['1']['sampled_peak_mw']:.0f} kW",
        lambda s: near(s["dispatch"]["case"]["fleets"]["1"]["sampled_mwh"],
                       s["dispatch"]["case"]["fleets"]["1"]["fixed_mwh"], 0.1),
        "another draw gives another load"),
    Row("section 3.1: laws of mileage and start", "formulas are images", "[scenarios](../../docs/theory/scenarios.md)",
        text("log-normal way, normal arrival"), None, "their parameters are not printed"),
    Row("section 3.2: ARMA(3, 2) errors", "0.8, 0.15, 0.15; 0.8, 0.2; sigma 2.5", TEN,
        text("0.8, 0.15, -0.15; 0.8, 0.2"), False,
        "with +0.15 the coefficients add up to 1.1, so that the process grows without end; the third is -0.15 here"),
    Row("section 3.2, Fig. 2: fast reduction by probability distance", "method", TEN,
        lambda s: f"1000 to {len(s['dispatch']['stochastic']['probabilities'])}, distance "
        f"{s['dispatch']['stochastic']['distance']:.3f} MW, of one scenario "
        f"{s['dispatch']['stochastic']['distance_one']:.3f}",
        lambda s: s["dispatch"]["stochastic"]["distance"] < s["dispatch"]["stochastic"]["distance_one"],
        "more scenarios are no nearer"),
    Row("eqs. 5 to 9: purchase, losses, vehicles, carbon in one objective", "sum of items", CASE,
        lambda s: f"items add up to {sum(_row(s, '3')['items'].values()):,.2f} CNY",
        lambda s: near(sum(_row(s, "3")["items"].values()), _row(s, "3")["cost"], 0.01)),
    _holds("eqs. 27 to 30: DistFlow and voltage limits", ("voltage low", "voltage high")),
    Row("eqs. 31 to 34: cone relaxation is exact", "assumed", CASE,
        lambda s: f"invents {_row(s, '3')['invented_kw']:.1g} kW; AC differs by {_row(s, '3')['deviation_pu']:.1g} pu",
        lambda s: _row(s, "3")["invented_kw"] < 1e-3 and _row(s, "3")["passed"]),
    Row("MISOCP solved to optimality", "CPLEX 12.10, time not printed", CASE,
        lambda s: f"certificate {100 * _row(s, '3')['certificate']:.4f} %, {_row(s, '3')['seconds']:.1f} s",
        lambda s: _row(s, "3")["certificate"] < 1e-3),
    Row("eqs. 15 to 17: tap changer moves at most five times", "a constraint", STRESS,
        lambda s: f"{s['dispatch']['stressed']['rows']['3 x2.3']['moves']['ext_grid 0'][0]:g} of 5 under stress",
        lambda s: s["dispatch"]["stressed"]["rows"]["3 x2.3"]["moves"]["ext_grid 0"][0] <= 5),
    Row("eqs. 18, 19: banks in steps, moves limited", "a constraint", STRESS,
        lambda s: plain(*(s["dispatch"]["stressed"]["rows"]["3 x2.3"]["moves"][k][0] for k in ("shunt 0", "shunt 1")))
        + " of 5 under stress",
        lambda s: all(m[0] <= m[1] for m in s["dispatch"]["stressed"]["rows"]["3 x2.3"]["moves"].values())),
    Row("eq. 20: static compensators within their range", "a constraint", STRESS,
        lambda s: "; ".join(
            f"{r[0]:.3f} to {r[1]:.3f}" for r in s["dispatch"]["stressed"]["rows"]["3 x2.3"]["svc"].values()),
        lambda s: all(r[0] >= -0.1 - 1e-6 and r[1] <= 0.3 + 1e-6
                      for r in s["dispatch"]["stressed"]["rows"]["3 x2.3"]["svc"].values())),
    Row("eqs. 11 to 14: storage, energy at the end as at the start", "a constraint", AGAIN,
        lambda s: f"charges in {len(_day(s, '3')['storage']['charge'])} h, discharges in "
        f"{len(_day(s, '3')['storage']['discharge'])} h, never both",
        lambda s: not set(_day(s, "3")["storage"]["charge"]) & set(_day(s, "3")["storage"]["discharge"])),
    Row("eqs. 21 to 26: vehicles that move and vehicles that are reduced", "a constraint", AGAIN,
        lambda s: f"block of {len(_day(s, '3')['ev']['block'])} h, reduced in {len(_day(s, '3')['ev']['reduced'])} h",
        lambda s: len(_day(s, "3")["ev"]["block"]) == len(_day(s, "3")["ev"]["block_before"])),
]  # fmt: skip


def _study(study: str) -> list[Row]:
    """Rows of a study: solved, run in AC with its certificate, and added up again."""
    name, where = f"study {study}", CASE if study in ("1", "2", "3") else ACTING
    return [
        Row(f"{name}: solved, all limits met in AC", "solved" if where == CASE else "–", where,
            lambda s: f"{_row(s, study)['cost']:,.1f} CNY, {_row(s, study)['verdict'].split(',')[0]}, "
            f"at most {100 * _row(s, study)['certificate']:.4f} % from the best possible",
            lambda s: bool(_row(s, study)["passed"]) and _row(s, study)["certificate"] < 1.01e-3,
            "the certificate is above the gap that was asked for"),
        Row(f"{name}: cost and carbon, added up again from the nets pushed back", "–", AGAIN,
            lambda s: f"{_day(s, study)['cost']:,.1f} CNY, {_day(s, study)['carbon_kg']:,.0f} kg, "
            f"items within {_day(s, study)['largest_difference']:.1g} CNY",
            lambda s: _day(s, study)["largest_difference"] < 0.01
            and near(_day(s, study)["carbon_kg"], _day(s, study)["plan_carbon_kg"], 0.01)),
    ]  # fmt: skip


def _current(s: Stored, what: str) -> list[float]:
    return [float(_day(s, study)["current_a"][what]) for study in ("1", "2", "3")]


def _loss(s: Stored) -> list[float]:
    return [float(_row(s, study)["items"]["losses"]) for study in ("1", "2", "3")]


RESULT_ROWS = [
    *(row for study in ("1", "2", "3") for row in _study(study)),
    Row("cost of study 3 against study 1", "-47.9 %", BESIDE, lambda s: f"{_change(s, '3', 'cost'):+.1f} %",
        lambda s: near(_change(s, "3", "cost"), -47.9, 1.0),
        "the paper's curves of load, sun and wind and its tariff are images; those of the case bring more energy for "
        "less"),
    Row("carbon of study 3 against study 1", "-75.2 %", BESIDE, lambda s: f"{_change(s, '3', 'carbon_kg'):+.1f} %",
        lambda s: near(_change(s, "3", "carbon_kg"), -75.2, 1.0), "as for the cost"),
    Row("Table 3: order of the costs of the three studies", "1 > 2 > 3 (digits are an image)", CASE,
        lambda s: " > ".join(f"{_row(s, k)['cost']:,.0f}" for k in ("1", "2", "3")),
        lambda s: _row(s, "1")["cost"] > _row(s, "2")["cost"] > _row(s, "3")["cost"],
        "the order is another"),
    Row("Table 3: purchase and carbon fall from study to study", "both fall", CASE,
        lambda s: " > ".join(f"{_row(s, k)['items']['purchase']:,.0f}" for k in ("1", "2", "3")),
        lambda s: _row(s, "1")["items"]["purchase"] > _row(s, "2")["items"]["purchase"]
        > _row(s, "3")["items"]["purchase"], "they do not"),
    Row("Table 3: sun and wind alone do not lower the cost of losses", "study 2 no lower than 1", CASE,
        lambda s: f"{_loss(s)[0]:,.1f}, then {_loss(s)[1]:,.1f} CNY", lambda s: _loss(s)[1] >= _loss(s)[0],
        "here sun and wind stand near the load and halve the losses"),
    Row("Table 3: devices lower the cost of losses", "study 3 well below 2", CASE,
        lambda s: f"{_loss(s)[1]:,.1f}, then {_loss(s)[2]:,.1f} CNY", lambda s: _loss(s)[2] < _loss(s)[1],
        "here study 3 uses the sun and wind that study 2 curtails, and carries them to the storages: losses rise a "
        "little; reactive power costs 0.1 CNY/kvarh and is worth less than that, so that the compensators rest"),
    Row("Fig. 8: voltages of all studies [pu]", "1 to 1.06", BESIDE,
        lambda s: f"{min(_row(s, k)['vm'][0] for k in '123'):.3f} to {max(_row(s, k)['vm'][1] for k in '123'):.3f}",
        lambda s: min(_row(s, k)["vm"][0] for k in "123") >= 1.0,
        "study 1 has no device that moves, starts at 1.02 pu and falls below 1 under this load"),
    Row("Fig. 8: no voltage outside its limits", "none", BESIDE,
        lambda s: f"all within 0.94 and 1.06 in {sum(bool(_row(s, k)['passed']) for k in '123')} studies",
        lambda s: all(_row(s, k)["passed"] for k in "123")),
    Row("peak-valley difference, all buses and hours, study 1, 2, 3", "4.24, 2.34, 1.79 %", BESIDE,
        lambda s: ", ".join(f"{100 * _row(s, k)['spread']:.2f}" for k in "123") + " %",
        lambda s: all(near(100 * _row(s, k)["spread"], v, 0.2) for k, v in zip("123", (4.24, 2.34, 1.79), strict=True)),
        "what it is the difference of is not said; other curves"),
    Row("peak-valley difference falls from study to study", "it does", BESIDE,
        lambda s: " > ".join(f"{100 * _row(s, k)['spread']:.2f}" for k in "123"),
        lambda s: _row(s, "1")["spread"] > _row(s, "2")["spread"] > _row(s, "3")["spread"], "it does not"),
    Row("peak-valley difference of the bus with the widest day", "4.24, 2.34, 1.79 %", BESIDE,
        lambda s: ", ".join(f"{100 * _row(s, k)['spread_bus']:.2f}" for k in "123") + " %",
        lambda s: _row(s, "1")["spread_bus"] > _row(s, "2")["spread_bus"] > _row(s, "3")["spread_bus"],
        "at one bus sun and wind widen the day of study 2: by night it has the load alone, at noon their infeed"),
    Row("Fig. 9: branch currents, highest of study 1, 2, 3 [A]", "0 to 3.16 (root of 10)", AGAIN,
        lambda s: ", ".join(f"{x:.1f}" for x in _current(s, "max")), None,
        "the unit cannot be ampere: the load alone takes 170 A at 12.66 kV; a figure without digits"),
    Row("Fig. 9: highest current falls from study to study", "it does", AGAIN,
        lambda s: " > ".join(f"{x:.1f}" for x in _current(s, "max")),
        lambda s: _current(s, "max")[0] > _current(s, "max")[1] > _current(s, "max")[2], "it does not"),
    Row("Fig. 9: currents of study 3 significantly lower than of 2 (mean of branches and hours)", "lower", AGAIN,
        lambda s: ", ".join(f"{x:.2f}" for x in _current(s, "mean")) + " A",
        lambda s: _current(s, "mean")[2] < _current(s, "mean")[1],
        "only the highest current is lower; the mean rises a little, for the same reason as the losses"),
    Row("Fig. 10 A: share of the sun used in study 3", "83.8 %", BESIDE,
        lambda s: f"{100 * _day(s, '3')['by_kind']['PV']:.1f} %",
        lambda s: near(100 * _day(s, "3")["by_kind"]["PV"], 83.8, 1.0),
        "with the curves of the case storages and moved vehicles take all of it"),
    Row("Fig. 10 B: share of the wind used in study 3", "96.1 %", BESIDE,
        lambda s: f"{100 * _day(s, '3')['by_kind']['WP']:.1f} %",
        lambda s: near(100 * _day(s, "3")["by_kind"]["WP"], 96.1, 1.0), "as for the sun"),
    Row("Fig. 10 C, D: the block of vehicles leaves the peak", "from 19:00-21:00 to 05:00-07:00", AGAIN,
        lambda s: f"hours {plain(*_day(s, '3')['ev']['block_before'])} to {plain(*_day(s, '3')['ev']['block'])}",
        lambda s: _day(s, "3")["ev"]["block"][0] in (4, 5, 6),
        "it leaves the peak here too, but for noon, when there is more sun than load; the paper's goes to the cheap "
        "night"),
    Row("Fig. 10 D: vehicles are reduced between 16 and 22 h", "it is", AGAIN,
        lambda s: f"hours {plain(*_day(s, '3')['ev']['reduced'])}",
        lambda s: bool(_day(s, "3")["ev"]["reduced"]) and all(15 <= t <= 21 for t in _day(s, "3")["ev"]["reduced"]),
        "in other hours"),
    Row("Fig. 10 E: the tap changer moves", "at 2, 6, 9, 16, 24 h", BESIDE,
        lambda s: f"{_row(s, '3')['moves']['ext_grid 0'][0]:g} moves",
        lambda s: near(_row(s, "3")["moves"]["ext_grid 0"][0], 5, 0.5),
        "voltages are within their limits anyway, and a move costs 200 CNY; under stress it moves"),
    Row("Fig. 10 F: storage charges at noon and discharges in the evening", "it does", AGAIN,
        lambda s: f"charges {plain(*_day(s, '3')['storage']['charge'])} h, discharges "
        f"{plain(*_day(s, '3')['storage']['discharge'])} h",
        lambda s: {11, 12, 13} <= set(_day(s, "3")["storage"]["charge"])
        and {18, 19, 20} <= set(_day(s, "3")["storage"]["discharge"]), "in other hours"),
    Row("Fig. 10 G: banks switch", "they do", BESIDE,
        lambda s: plain(*(_row(s, "3")["moves"][k][0] for k in ("shunt 0", "shunt 1"))) + " moves",
        lambda s: sum(_row(s, "3")["moves"][k][0] for k in ("shunt 0", "shunt 1")) > 0,
        "reactive power costs more than the losses that it saves; at 2.3 times the load they switch"),
    Row("Fig. 10 H: static compensators work", "they do", STRESS,
        lambda s: "; ".join(f"{r[2]} h" for r in s["dispatch"]["stressed"]["rows"]["3"]["svc"].values())
        + " at 1.5 times the load, none in study 3",
        lambda s: _row(s, "3")["items"]["reactive sources"] > 1.0, "as for the banks"),
]  # fmt: skip


def _moves(s: Stored, study: str, table: str) -> list[str]:
    return [f"{a:g} of {b:g}" for k, (a, b) in _row(s, study)["moves"].items() if k.startswith(table)]


def _switched(s: Stored, study: str, table: str) -> bool:
    return any(a > 0 for k, (a, _) in _row(s, study)["moves"].items() if k.startswith(table))


def _left_out(s: Stored, study: str) -> str:
    """Say how many moves of taps and steps decided nothing, as the plan notes it."""
    return "".join(
        f" ({note.split()[0]} of taps and steps that decided nothing are left out)"
        for note in _row(s, study)["left_out"]
    )


def _used(s: Stored, study: str) -> list[int]:
    return [hours for _, _, hours in _row(s, study)["svc"].values()]


# Study 3 with moves and reactive power for nothing, and under stress with 2.3 times the load.
WORKING_ROWS = [
    *(row for study in ("3-free", "3-heavy") for row in _study(study)),
    *(
        Row(f"Fig. 10 E: the tap changer moves, study {study}", "at 2, 6, 9, 16, 24 h", ACTING,
            lambda s, study=study: f"{', '.join(_moves(s, study, 'ext_grid'))} moves{_left_out(s, study)}",
            lambda s, study=study: _switched(s, study, "ext_grid"), "it does not")
        for study in ("3-free", "3-heavy")
    ),
    *(
        Row(f"Fig. 10 G: banks switch, study {study}", "they do", ACTING,
            lambda s, study=study: f"{'; '.join(_moves(s, study, 'shunt'))} moves",
            lambda s, study=study: _switched(s, study, "shunt"), "they do not")
        for study in ("3-free", "3-heavy")
    ),
    *(
        Row(f"Fig. 10 H: static compensators work, study {study}", "they do", ACTING,
            lambda s, study=study: "; ".join(f"{h} h" for h in _used(s, study)),
            lambda s, study=study: all(h > 0 for h in _used(s, study)), "one of them rests")
        for study in ("3-free", "3-heavy")
    ),
    Row("Table 3: devices lower the losses, where their reactive power costs nothing", "study 3 well below 2", ACTING,
        lambda s: f"{_row(s, '2')['energy']['losses']:.3f}, then {_row(s, '3-free')['energy']['losses']:.3f} MWh",
        lambda s: _row(s, "3-free")["energy"]["losses"] < 0.8 * _row(s, "2")["energy"]["losses"], "they do not"),
    Row("Fig. 9: currents of study 3-free lower than of 2 (mean of the branches that carry any)", "lower", ACTING,
        lambda s: f"{s['dispatch']['devices']['rows']['2']['current_a'][1]:.2f}, then "
        f"{_row(s, '3-free')['current_a'][1]:.2f} A",
        lambda s: _row(s, "3-free")["current_a"][1] < s["dispatch"]["devices"]["rows"]["2"]["current_a"][1],
        "they are not"),
    Row("peak-valley difference of study 3-free below that of 2", "1.79 < 2.34 %", ACTING,
        lambda s: f"{100 * _row(s, '3-free')['spread']:.2f}, {100 * _row(s, '2')['spread']:.2f} %",
        lambda s: _row(s, "3-free")["spread"] < _row(s, "2")["spread"], "it is not"),
]  # fmt: skip

FIGURE_ROWS = [
    figure("Fig. 3: the feeder", "dispatch, study 3", ("network",), "a map"),
    figure("Figs. 4, 5: scenarios of sun and wind", "dispatch, scenarios", ("reduction", "fan"), "fans, before, after",
           "no such figure in the report"),
    figure("Fig. 1: runs of the vehicles with mean and band", "dispatch, scenarios", ("fleets",), "an outline"),
    figure("Fig. 6: load, vehicles, sun and wind of the day", "dispatch, study 3", ("balance",), "curves"),
    figure("Fig. 8: voltages", "dispatch, study 3", ("voltage",), "curves by node"),
    figure("Fig. 9: currents of branches", "dispatch, study 3", ("currents",), "curves by branch"),
    figure("Fig. 10: vehicles, tap changer, storage, banks, compensators", "dispatch, study 3-stressed",
           ("vehicles", "storage", "reactive"), "bars by hour"),
    figure("Table 3: costs of the studies side by side", "dispatch, three studies", ("costs",), "a table"),
    figure("Fig. 7: load by node and hour, active and reactive", "dispatch, study 3", ("loads", "reactive_loads"),
           "surfaces"),
    Row("Fig. 11: communication", "an outline", "–", text("–"), None, "outside of what a planning tool does"),
]  # fmt: skip

ROWS = {
    "Systems and settings": SYSTEM_ROWS,
    "Methods and constraints": METHOD_ROWS,
    "Studies and comparisons": RESULT_ROWS,
    "Studies in which the devices work": WORKING_ROWS,
    "Figures": FIGURE_ROWS,
}
