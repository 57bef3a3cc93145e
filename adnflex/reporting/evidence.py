"""Sections about why the plan may be believed: limits, exactness, bounds, and how it was computed."""

from __future__ import annotations

from adnflex.reporting import page, parts, places
from adnflex.reporting.page import Html, Section
from adnflex.reporting.progress import progress_figure
from adnflex.reporting.text import dash, number, power
from adnflex.reporting.tightness import EXACT_GAP, gap_table, tightness_figure
from adnflex.results import Check, Plan
from adnflex.results.status import status_words

__all__ = ["details_section", "exactness_section", "limits_section", "progress_section", "terms_section"]

#: Invented loss below this share of the losses does not matter.
_WEIGHTLESS = 1e-4
#: What the models are that are compared with AC power flow.
MODEL_WORDS = (
    "“exact power flow” is what this report shows: the answer run through the exact equations of a radial network. "
    "“relaxation” is what the optimiser believed when it chose; where it is far off, the values shown come from "
    "another way, and the bound stays that of the relaxation."
)
#: Technical terms of every report; a report of another kind of result may add its own.
TERMS = {
    "AC power flow": "The full physical calculation of voltages and currents, without any simplification.",
    "Radial": "Every bus is fed over exactly one path; there is no closed loop.",
    "Tie": "A line that is normally open and can take over supply from another feeder.",
    "pu (per unit)": "Voltage divided by the nominal voltage: 0.95 pu is 5 % below nominal.",
    "Loading": "Current of a line or transformer in percent of its rated current.",
    "Bound": "A value that no admissible plan can go below; proven by the solver, not estimated.",
    "Gap": "Distance between the best plan found and the bound, in percent of the plan.",
    "Certificate": "Distance between the plan as it truly runs (AC) and the bound: no plan saves more.",
    "Relaxation": "The model allows a little more than physics, so that it can be solved with proof; "
    "afterwards it is checked whether the answer makes use of that.",
    "Cone gap": "How much more current the model puts in a branch than its power flow needs: 0 is exact.",
    "Invented loss": "Loss that the model books for current that would not flow in reality.",
    "Fingerprint": "A short code of all electrical data of the net; it changes when the net changes.",
}


def limits_section(plan: Plan, check: Check | None) -> Section:
    """Every kind of limit with its worst place and margin."""
    title = "Limits"
    if check is None:
        return Section("limits", title, "No limit has been checked: the plan is not validated.", [])
    findings = [
        _finding(check.converged, "AC power flow converges", "AC power flow does not converge"),
        _finding(check.radial, "radial", "not radial"),
        _finding(check.supplied, "every bus supplied", "not every bus supplied"),
    ]
    rows = [
        [
            row.kind,
            _met(check, row.kind, row.element, row.margin),
            places.place(plan, row.element, row.place),
            *places.values(row.unit, row.value, row.limit, row.margin),
            str(row.checked),
        ]
        for row in check.limits.rename(columns={"index": "place"}).itertuples(index=False)
    ]  # fmt: skip
    columns = ["limit", "", "worst place", "value", "allowed", "margin", "places checked"]
    blocks = [Html(f'<div class="bar">{"".join(findings)}</div>')]
    if rows:
        blocks.append(page.table(columns, rows, columns[3:]))
    intro = "Checked in AC power flow with the plan's switch states; margin is what is left until the limit."
    return Section("limits", title, intro, blocks)


def exactness_section(plan: Plan, check: Check | None) -> Section:
    """How far the model is from physics."""
    intro = (
        "The optimiser works with a model that may let a branch carry more current than physics asks for "
        "(a relaxation). The cone gap measures by how much: near zero, the model and physics are the same. "
        "Independently of that, every number is compared with AC power flow."
    )
    blocks = []
    if len(gap_table(plan, check)):
        blocks.append(page.paragraph(_exactness_words(plan, check)))
        blocks.append(page.figure(tightness_figure(plan, check), "tightness"))
    if check is not None and len(check.deviations):
        rows = [
            [row.model, row.quantity, number(row.max_abs, row.unit, 2),
             "whole net" if row.element == "net" else places.place(plan, row.element, row.place),
             number(row.relative * 100, "%", 2)]
            for row in check.deviations.rename(columns={"index": "place"}).itertuples(index=False)
        ]  # fmt: skip
        columns = ["model", "quantity", "largest difference", "at", "relative"]
        blocks += [
            Html("<h3>Model against AC power flow</h3>"),
            page.paragraph(MODEL_WORDS),
            page.table(columns, rows, [columns[2], columns[4]]),
        ]
    return Section("exactness", "How exact is the model", intro, blocks, "Exactness")


def _exactness_words(plan: Plan, check: Check | None) -> str:
    """Judge the relaxation by its largest gap and by the loss that it invents in all."""
    table = gap_table(plan, check)
    worst = table.loc[table["cone_gap"].idxmax()]
    loss = float(table["cone_loss_mw"].sum())
    losses = plan.losses_mw if check is None else check.losses_mw
    invented = "below 1 W" if abs(loss) < 1e-6 else power(loss, 2)
    if worst["cone_gap"] <= EXACT_GAP:
        judgement = "the relaxation is exact here"
    elif abs(loss) <= _WEIGHTLESS * losses:
        judgement = "without weight, as hardly any current is concerned"
    else:
        judgement = "the relaxation is not exact, so compare with AC power flow below"
    return (
        f"Largest cone gap {number(float(worst['cone_gap']), digits=2)} at "
        f"{places.place(plan, worst['element'], worst['index'])}: {judgement}. "
        f"Invented loss in all: {invented} of {power(losses)}."
    )


def progress_section(plan: Plan) -> Section | None:
    """Bounds against time; nothing where the solver reported none."""
    if plan.progress.empty:
        return None
    intro = (
        "The best plan known can only get better and the proven bound can only rise; the true optimum lies "
        "between them. Where they meet, the plan is proven the best."
    )
    return Section(
        "progress",
        "How the answer was found",
        intro,
        [page.figure(progress_figure(plan), "progress-lines")],
        "Progress",
    )


def details_section(plan: Plan) -> Section:
    """Everything needed to repeat the run."""
    facts = [
        ["net", plan.net_name or dash],
        ["fingerprint", plan.fingerprint or dash],
        ["objective", plan.objective_name],
        ["weights", ", ".join(f"{k} {v:g}" for k, v in plan.weights.items()) or dash],
        [
            "voltage limits",
            dash if plan.vm_limits is None else f"{plan.vm_limits[0]:g} to {plan.vm_limits[1]:g} pu",
        ],
        ["solver", plan.solver],
        ["status", f"{plan.status}: {status_words(plan.status)}"],
        ["time", number(plan.seconds, "s", 3)],
    ]
    if plan.vm_limits is None:
        facts[4][1] = "those in the net"
    blocks = parts.run_tables(facts, plan.options, plan.versions)
    return Section("details", "How it was computed", "", blocks, "Details")


def terms_section() -> Section:
    """Technical terms, one line each."""
    return parts.terms_section(TERMS)


def _met(check: Check, kind: str, element: str, margin: float) -> str:
    """Whether a limit is met: the check decides, which forgives a rounding error beyond the limit."""
    if margin != margin:
        return dash
    table = check.violations.reindex(columns=["kind", "element"])
    violated = bool(((table["kind"] == kind) & (table["element"] == element)).any())
    return page.badge("violated", "bad") if violated else page.badge("met", "good")


def _finding(holds: bool, good: str, bad: str) -> Html:
    """One structural finding."""
    return page.badge(f"✓ {good}", "good") if holds else page.badge(f"✗ {bad}", "bad")
