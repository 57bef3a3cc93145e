"""Set adnflex beside tools that planners have already, each replayed by AC power flow, and write the page.

    pip install "adnflex[simbench]" distopf
    python validation/comparison/run.py                  # everything: about half an hour
    python validation/comparison/run.py distopf_day      # one part
    python validation/comparison/run.py --page           # only the page

The exit code is 0 only if adnflex was nowhere worse than what it stands beside.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import common  # noqa: E402

# What a replay by power flow may be beyond a limit and still count as within it [pu, share of rating, Mvar], and by
# how much losses may be larger [relative]: interior points of both tools end at about 1e-6.
VOLTAGE, LOADING, REACTIVE, WORSE = 1e-5, 1e-4, 1e-4, 1e-5
STATES = 1000


# --- reactive power of generators on a SimBench net ------------------------------------------------------------------


class VoltageControl:
    """The task "VoltageControl" of OPF-Gym: reactive power of the larger generators of a net, for least losses.

    Net 1-MV-semiurb--1-sw, loads times 1.5, generation times 1.3, generators above 0.5 MW with 1/0.95 times their
    largest active power as rating, 0.95 to 1.05 pu, 80 % of every rating, at most 0.5 Mvar either way at the grid
    connection. (T. Wolgast, A. Niesse, "Learning the optimal power flow: environment design matters", Energy and AI
    17, 2024.) Its storages follow their profiles: none is above 0.5 MW.
    """

    def __init__(self) -> None:
        import simbench

        net = simbench.get_simbench_net("1-MV-semiurb--1-sw")
        self.series = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
        self.largest = 1.3 * self.series["sgen", "p_mw"].max()
        net.bus[["min_vm_pu", "max_vm_pu"]] = 0.95, 1.05
        net.line["max_loading_percent"] = net.trafo["max_loading_percent"] = 80.0
        net.ext_grid[["min_q_mvar", "max_q_mvar"]] = -0.5, 0.5
        for table in ("load", "storage", "ext_grid"):
            net[table]["controllable"] = False
        net.sgen["controllable"] = self.largest.reindex(net.sgen.index).fillna(0.0) > 0.5
        net.profiles = {}
        self.net = net

    def at(self, step: int) -> Any:
        """The net in a quarter-hour of SimBench's year."""
        net = copy.deepcopy(self.net)
        for (table, column), values in self.series.items():
            net[table].loc[values.columns, column] = values.iloc[step].to_numpy()
        net.load[["p_mw", "q_mvar"]] *= 1.5
        net.sgen["p_mw"] = 1.3 * net.sgen["p_mw"].clip(lower=0.0)
        net.sgen["q_mvar"] = 0.0
        net.sgen["sn_mva"] = self.largest / 0.95
        reach = np.sqrt(net.sgen["sn_mva"] ** 2 - net.sgen["p_mw"] ** 2)
        for least, most, width in (("min_p_mw", "max_p_mw", 0.0), ("min_q_mvar", "max_q_mvar", reach)):
            centre = net.sgen["p_mw"] if least == "min_p_mw" else 0.0
            net.sgen[least], net.sgen[most] = centre - width, centre + width
        return net


def by_adnflex(net: Any) -> tuple[Any, str]:
    """The net with what `adnflex.dispatch` sets, and how that ended."""
    import adnflex.errors

    try:
        plan = adnflex.dispatch(net, loss_cost_per_mwh=1.0)
    except adnflex.errors.Infeasible as error:
        return None, "proven infeasible" if "(proven)" in str(error) else "infeasible, not proven"
    return plan.apply(net), plan.status


def by_runopp(net: Any) -> tuple[Any, str]:
    """The net with what `pandapower.runopp` sets, of the first of four ways to start it that converges.

    OPF-Gym fixes active power by bounds 1e-9 MW apart and calculates no angles; 1e-6 MW and a start from power flow
    are tried where that does not converge.
    """
    import pandapower as pp

    for width, init in ((1e-9, "flat"), (1e-9, "pf"), (1e-6, "flat"), (1e-6, "pf")):
        trial = copy.deepcopy(net)
        free = trial.sgen.index[trial.sgen["controllable"]]
        trial.sgen["min_p_mw"] -= width
        trial.sgen["max_p_mw"] += width
        for table, indices in (("sgen", free), ("ext_grid", trial.ext_grid.index)):
            for i in indices:
                pp.create_poly_cost(trial, i, table, cp1_eur_per_mw=1.0)
        with contextlib.suppress(pp.OPFNotConverged):
            pp.runopp(trial, calculate_voltage_angles=False, init=init)
            set_to = copy.deepcopy(net)
            set_to.sgen.loc[free, "q_mvar"] = trial.res_sgen.loc[free, "q_mvar"]
            return set_to, "converged"
    return None, "did not converge"


def replayed(net: Any) -> dict[str, Any]:
    """Losses [MW] of a net by power flow, and whether every limit holds."""
    import pandapower as pp

    pp.runpp(net, tolerance_mva=1e-9)
    voltages = net.res_bus["vm_pu"]
    beyond = max((net.bus["min_vm_pu"] - voltages).max(), (voltages - net.bus["max_vm_pu"]).max())
    loading = [
        (net[f"res_{table}"]["loading_percent"] / net[table]["max_loading_percent"]).max() - 1
        for table in ("line", "trafo")
        if len(net[table]) and "max_loading_percent" in net[table]
    ]
    reactive = 0.0
    if "max_q_mvar" in net.ext_grid:
        exchange = net.res_ext_grid["q_mvar"]
        reactive = max(
            (exchange - net.ext_grid["max_q_mvar"]).max(), (net.ext_grid["min_q_mvar"] - exchange).max(), 0.0
        )
    within = beyond <= VOLTAGE and max(loading, default=0.0) <= LOADING and reactive <= REACTIVE
    losses = net.res_line["pl_mw"].sum() + net.res_trafo["pl_mw"].sum()
    return {"losses_mw": float(losses), "within": bool(within)}


def voltage_control() -> common.Record:
    """Random quarter-hours of the year by both, each replayed."""
    task = VoltageControl()
    steps = np.random.default_rng(0).choice(len(task.series["load", "p_mw"]), STATES, replace=False)
    rows = []
    for step in sorted(int(s) for s in steps):
        net, row = task.at(step), {"step": step}
        for name, solve in (("adnflex", by_adnflex), ("runopp", by_runopp)):
            begin = time.process_time()
            answer, ending = solve(net)
            spent = round(time.process_time() - begin, 3)
            found = {} if answer is None else replayed(answer)
            row[name] = {"ending": ending, "cpu_s": spent, **found}
        row["untouched"] = replayed(task.at(step))
        rows.append(row)
        if len(rows) % 50 == 0:
            print(f"{len(rows)} of {STATES}", flush=True)
    return {"rows": rows}


# --- a day of the 33-bus feeder --------------------------------------------------------------------------------------

# Bus, peak active power, rating [MW, MVA] of four generators, and the day's shapes of load and sun.
GENERATORS = ((17, 1.0, 1.2), (21, 0.5, 0.6), (24, 0.5, 0.6), (32, 1.0, 1.2))
LOAD = 0.6 + 0.4 * np.sin((np.arange(24) - 12) / 24 * 2 * np.pi) ** 2
SUN = np.clip(np.sin((np.arange(24) - 6) / 12 * np.pi), 0.0, None)


def feeder(hour: int) -> Any:
    """case33bw in an hour of the day, with generators whose reactive power is free."""
    import pandapower as pp
    import pandapower.networks as pn

    net = pn.case33bw()
    net.poly_cost = net.poly_cost.iloc[:0]
    net.line["max_loading_percent"] = 1e6
    net.ext_grid = net.ext_grid.drop(columns=[c for c in net.ext_grid if c.startswith(("min_", "max_"))])
    net.load[["p_mw", "q_mvar"]] *= LOAD[hour]
    for bus, peak, rating in GENERATORS:
        power = peak * SUN[hour]
        reach = (rating**2 - power**2) ** 0.5
        limits = {"min_p_mw": power, "max_p_mw": power, "min_q_mvar": -reach, "max_q_mvar": reach}
        pp.create_sgen(net, bus, power, sn_mva=rating, controllable=True, **limits)
    return net


def by_distopf(net: Any) -> tuple[Any, str]:
    """The net with the reactive power that distopf's linear model of least losses sets, one phase for all three."""
    import distopf

    case = distopf.Case(**distopf_tables(net))
    result = case.run_opf("loss_min", control_variable="Q", wrapper="matrix")
    answer = copy.deepcopy(net)
    answer.sgen["q_mvar"] = result.q_gens["a"].to_numpy(dtype=float)
    return answer, "solved"


def distopf_tables(net: Any) -> dict[str, pd.DataFrame]:
    """Tables of distopf: 1 MVA and the line-to-line voltage as base of one phase, which is the balanced net in pu."""
    base_v = 1e3 * float(net.bus["vn_kv"].iloc[0])
    base = {"s_base": 1e6, "v_ln_base": base_v, "phases": "a"}
    limits = {"v_min": net.bus["min_vm_pu"] - 1e-6, "v_max": net.bus["max_vm_pu"] + 1e-6}
    bus = pd.DataFrame({"id": net.bus.index + 1, "name": net.bus.index + 1, **limits}, index=net.bus.index)
    bus = bus.assign(**base, bus_type="PQ", cvr_p=0.0, cvr_q=0.0, load_shape="default")
    bus.loc[bus["id"] == net.ext_grid["bus"].iloc[0] + 1, "bus_type"] = "SWING"
    for phase in "abc":
        bus[[f"pl_{phase}", f"ql_{phase}", f"v_{phase}"]] = 0.0, 0.0, 1.0
    bus.loc[net.load["bus"], ["pl_a", "ql_a"]] = net.load[["p_mw", "q_mvar"]].to_numpy()
    lines = net.line[net.line["in_service"]]
    branch = pd.DataFrame({"fb": lines["from_bus"].to_numpy() + 1, "tb": lines["to_bus"].to_numpy() + 1})
    branch = branch.assign(**base, z_base=base_v**2 / 1e6, type="line", status="CLOSED", name=lines.index.astype(str))
    for pair in ("aa", "ab", "ac", "bb", "bc", "cc"):
        for letter in "rx":
            ohm = lines[f"{letter}_ohm_per_km"] * lines["length_km"] if pair == "aa" else 0.0 * lines["length_km"]
            branch[f"{letter}_{pair}"] = ohm.to_numpy() / (base_v**2 / 1e6)
    gen = pd.DataFrame({"id": net.sgen["bus"].to_numpy() + 1, "name": net.sgen.index.astype(str)})
    gen = gen.assign(**base, control_variable="Q")
    for phase in "abc":
        on = 1.0 if phase == "a" else 0.0
        gen[f"p_{phase}"], gen[f"q_{phase}"] = on * net.sgen["p_mw"].to_numpy(), 0.0
        gen[f"s_{phase}_max"] = on * net.sgen["sn_mva"].to_numpy()
        gen[f"q_{phase}_min"], gen[f"q_{phase}_max"] = -100.0, 100.0
    return {"branch_data": branch, "bus_data": bus, "gen_data": gen}


def distopf_day() -> common.Record:
    """24 hours by adnflex, distopf and runopp, each replayed."""
    from importlib import metadata

    logging.getLogger("distopf").setLevel(logging.ERROR)
    rows = []
    for hour in range(24):
        row: dict[str, Any] = {"step": hour, "untouched": replayed(feeder(hour))}
        for name, solve in (("adnflex", by_adnflex), ("distopf", by_distopf), ("runopp", by_runopp)):
            net, begin = feeder(hour), time.process_time()
            answer, ending = solve(net)
            spent = round(time.process_time() - begin, 3)
            row[name] = {"ending": ending, "cpu_s": spent, **({} if answer is None else replayed(answer))}
        rows.append(row)
    return {"rows": rows, "distopf": metadata.version("distopf")}


# --- what it shows ---------------------------------------------------------------------------------------------------


def good(entry: dict[str, Any]) -> bool:
    """Whether a tool gave set-points with which every limit holds in AC."""
    return bool(entry.get("within", False))


def worse(row: dict[str, Any], other: str) -> bool:
    """Whether adnflex has larger losses than another tool whose set-points hold, or none that hold."""
    if not good(row[other]):
        return False
    return not good(row["adnflex"]) or row["adnflex"]["losses_mw"] > row[other]["losses_mw"] * (1 + WORSE)


def others(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The tools beside adnflex in a part."""
    return [name for name in rows[0] if name not in ("step", "untouched", "adnflex")]


def faults(part: str, record: common.Record) -> list[str]:
    """Where adnflex is worse than another tool."""
    if "rows" not in record:
        return [record["error"]]
    rows = record["rows"]
    return [
        f"{part}, {row['step']}: {row['adnflex']} against {other} {row[other]}"
        for other in others(rows)
        for row in rows
        if worse(row, other)
    ]


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line a tool: answers, those that hold in AC, losses where all hold, time."""
    tools = ["adnflex", *others(rows)]
    shared = [row for row in rows if all(good(row[name]) for name in tools)]
    lines = [
        f"| tool | answers | that hold in AC | mean losses of {len(shared)} where all hold | CPU s an answer, median |",
        "| --- | --- | --- | --- | --- |",
    ]
    held = [row for row in shared if row["untouched"]["within"]]
    untouched = np.mean([row["untouched"]["losses_mw"] for row in shared]) if shared else np.nan
    lines.append(f"| untouched | | {len(held)} of these {len(shared)} | {1e3 * untouched:.4f} kW | |")
    for name in tools:
        answers = [row[name] for row in rows if "losses_mw" in row[name]]
        mean = np.mean([row[name]["losses_mw"] for row in shared]) if shared else np.nan
        spent = np.median([row[name]["cpu_s"] for row in rows])
        holds = sum(good(entry) for entry in answers)
        lines.append(f"| {name} | {len(answers)} | {holds} | {1e3 * mean:.4f} kW | {spent:.2f} |")
    return lines


def endings(rows: Sequence[dict[str, Any]]) -> str:
    """How the answers of adnflex ended, and what the others say where it proves that there is none."""
    counted = pd.Series([row["adnflex"]["ending"] for row in rows]).value_counts()
    text = "adnflex: " + ", ".join(f"{n} {name}" for name, n in counted.items())
    proven = [row for row in rows if row["adnflex"]["ending"] == "proven infeasible"]
    for other in others(rows):
        held = sum(good(row[other]) for row in proven)
        if proven:
            text += f"; of those proven infeasible {other} meets all limits in {held}"
        lost = sum(good(row["adnflex"]) and not good(row[other]) for row in rows)
        text += f"; {lost} answers of adnflex hold where none of {other} does"
    return text + "."


TITLES = {
    "voltage_control": "Reactive power on a SimBench net (OPF-Gym's VoltageControl)",
    "distopf_day": "A day of the 33-bus feeder",
}


def page(stored: dict[str, common.Record]) -> str:
    """The page of all that is stored."""
    lines = [
        "# Beside other tools",
        "",
        "Each tool is given the same net in memory; what it sets is written into a copy and run by `pandapower.runpp`.",
        f"An answer holds if voltages are within {VOLTAGE:g} pu, loadings within {LOADING:g} of their limit and the",
        f"exchange within {REACTIVE:g} Mvar. `runopp` is given four ways to start; the first that converges counts.",
        "Made by `python validation/comparison/run.py`.",
    ]
    for part, record in stored.items():
        lines += ["", f"## {TITLES[part]}", ""]
        if "rows" not in record:
            lines.append(f"Ended without an answer: {record['error']}.")
            continue
        rows, found = record["rows"], faults(part, record)
        doc = VoltageControl.__doc__ if part == "voltage_control" else feeder.__doc__
        lines += [" ".join((doc or "").split()), "", f"{len(rows)} states.", "", *table(rows), "", endings(rows)]
        told = "In no state adnflex is worse" if not found else f"In {len(found)} comparisons adnflex is worse"
        made = record["environment"]
        versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
        lines += [f"{told} (by more than {WORSE:g}) than an answer that holds.", ""]
        lines.append(f"{made['date']}, {made['machine']}; {versions}")
        if "distopf" in record:
            lines[-1] += f", distopf {record['distopf']}"
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the command line."""
    parts = {"distopf_day": (distopf_day, 1200.0), "voltage_control": (voltage_control, 14400.0)}
    return common.run_parts(__file__, __doc__, parts, faults, page)


if __name__ == "__main__":
    raise SystemExit(main())
