"""Banner and key figures of a dispatch, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from adnflex.reporting.dispatch.looseness import recovered_words
from adnflex.reporting.dispatch.view import DispatchView, worst_recovery
from adnflex.reporting.findings import has_ratings
from adnflex.reporting.page import Banner, Card
from adnflex.reporting.proof import Claim, banner, certificate_card, certificate_words, judge_cards
from adnflex.reporting.text import dash, distance, energy, fixed, many, mass, money, number, percent, relative, share
from adnflex.results.status import NO_RECOVERY, status_words


def _claim(view: DispatchView) -> Claim:
    def told(value: float | None, digits: int | None = None) -> str:
        return money(value or 0.0, view.unit) if digits is None else number(value, view.unit, digits)

    name, value = ("emission", view.plan.carbon_kg) if view.least_carbon else ("cost", view.cost)
    return Claim("schedule", "schedule", name, value, view.plan.bound, told)


def verdict(view: DispatchView) -> Banner:
    """Banner of a dispatch."""
    words = certificate_words(view.check, _claim(view)) + _losses_words(view)
    missing = "No AC power flow has been run on this schedule; do not carry it out before it has."
    passed, failed = "Passed: this schedule may be carried out", "FAILED: do not carry out this schedule"
    return banner(view.check, passed, failed, missing, words)


def _losses_words(view: DispatchView) -> str:
    """Say what the certificate means for the losses, where switches are decided."""
    left = None if view.check is None else view.check.certificate_losses
    if left is None:
        return ""
    return f" Measured by the losses that is {distance(left, '≤')} of what they are worth."


# Key figures ------------------------------------------------------------------------------------------------


def key_cards(view: DispatchView, first: DispatchView | None = None) -> list[Card]:
    """Return the key figures: cost, carbon, energy, certificate, exactness, voltage, moves, time.

    Parameters
    ----------
    view : DispatchView
        What the figures are of.
    first : DispatchView or None
        What they are compared with.
    """
    plan = view.plan
    source = "of the model, not validated" if view.costs_are_model else "by AC power flow"
    carbon = f"of the import{_against(plan.carbon_kg, first, 'carbon')}"
    several = f"expected over {len(plan.scenarios)} scenarios, " if view.several else ""
    days = len(plan.periods) * plan.hours_per_period
    return [
        Card(
            f"Cost of {days:g} h", money(view.cost, plan.currency),
            f"{several}{source}{_against(view.cost, first, 'cost')}",
        ),
        Card("Carbon", mass(plan.carbon_kg), carbon),
        Card("Imported", energy(view.mwh("imported")), f"{energy(view.mwh('exported'))} exported"),
        *_curtailed(view),
        certificate_card(view.check, _claim(view)),
        *judge_cards(view.check),
        Card("Gap of the model", share(max(plan.gap, 0.0)), status_words(plan.status)),
        *_in_losses(view),
        _tightness(view),
        *_voltages(view),
        *_loading(view),
        *_moves(view),
        Card("Solver time", number(plan.seconds, "s", 3), plan.solver),
    ]  # fmt: skip


def _against(value: float, first: DispatchView | None, what: str) -> str:
    if first is None:
        return ""
    reference = first.cost if what == "cost" else first.plan.carbon_kg
    return f"; {relative(value, reference)} against {first.name}"


def _curtailed(view: DispatchView) -> list[Card]:
    """Tell what was there and not used; nothing where none can be controlled."""
    available, curtailed = view.mwh("available"), view.mwh("curtailed")
    if not available > 0:
        return []
    part = percent(100 * curtailed / available)
    return [Card("Curtailed", energy(max(curtailed, 0.0)), f"{part} of {energy(available)} available")]


def _in_losses(view: DispatchView) -> list[Card]:
    """Gap and certificate as a share of what the losses are worth; nothing where no switches are decided."""
    plan, check = view.plan, view.check
    if not len(plan.switches):
        return []
    if plan.loss_gap is None:
        return [Card("Gap in losses", dash, "not proven, or losses are worth nothing here")]
    left = None if check is None else check.certificate_losses
    true = "no certificate without a passed check" if left is None else f"{distance(left, '≤')} by AC power flow"
    return [Card("Gap in losses", share(max(plan.loss_gap, 0.0)), f"of what they are worth; {true}")]


def _tightness(view: DispatchView) -> Card:
    """Whether the relaxation was exact, or which hours were recovered."""
    table = worst_recovery(view.plan.recovery)
    count = int((table["method"] != NO_RECOVERY).sum())
    if not count:
        of = f"in all {len(table)} periods" if len(table) > 1 else "in the period"
        return Card("Relaxation", "exact", f"{of}; nothing had to be recovered")
    return Card("Relaxation", f"{count} of {len(table)} recovered", recovered_words(view))


def _voltages(view: DispatchView) -> list[Card]:
    """Lowest and highest voltage with their place and hour."""
    table = view.vm_pu
    source = ", of the model" if view.check is None else ""
    stacked = table.stack().astype(float).dropna() if len(table.columns) else table
    if stacked.empty:
        return []
    cards = []
    for label, key in (("Lowest voltage", stacked.idxmin()), ("Highest voltage", stacked.idxmax())):
        *when, bus = key
        at = view.text_of(tuple(when) if len(when) > 1 else when[0])
        cards.append(Card(label, fixed(float(stacked[key]), 4, "pu"), f"{view.labels.of('bus', bus)}, {at}{source}"))
    return cards


def _loading(view: DispatchView) -> list[Card]:
    check = view.check
    if check is None or not has_ratings(check.loading_percent) or not check.periods["loading_percent"].notna().any():
        return []
    row = check.periods.loc[check.periods["loading_percent"].astype(float).idxmax()]
    where = view.labels.of(row["loading_element"], row["loading_index"])
    return [Card("Highest loading", percent(float(row["loading_percent"])), f"{where}, {view.clock.text(row.name[1])}")]


def _moves(view: DispatchView) -> list[Card]:
    """How often taps and steps are moved."""
    table = view.plan.devices.reindex(columns=["kind", "moves"])
    table = table[table["moves"].notna()]
    if table.empty:
        return []
    counts = table.groupby("kind", sort=False)["moves"].sum()
    return [Card("Moves", fixed(counts.sum(), 0), ", ".join(f"{k} {n:.0f}" for k, n in counts.items()))]


# Words of the head --------------------------------------------------------------------------------------------


def title(views: Sequence[DispatchView]) -> str:
    """Headline of the report."""
    # the command line names a study after its net, "net, study 1"
    told = [f", study {v.plan.options.get('study', '')}" if len(views) > 1 else "" for v in views]
    names = [v.plan.net_name.removesuffix(t) or "an unnamed net" for v, t in zip(views, told, strict=True)]
    what = f"{len(views)} dispatch studies of" if len(views) > 1 else "Dispatch of"
    return f"{what} {', '.join(dict.fromkeys(names))}"


def subtitle(views: Sequence[DispatchView]) -> str:
    """Say what the horizon is, in one line."""
    plan = views[-1].plan
    buses = f"{len(plan.vm_pu.columns)} buses, " if len(plan.vm_pu.columns) else ""
    scenarios = f", {len(plan.scenarios)} scenarios" if len(plan.scenarios) > 1 else ""
    kinds = plan.devices["kind"].value_counts() if "kind" in plan.devices else {}
    devices = f"; dispatched: {', '.join(f'{k} ×{n}' if n > 1 else k for k, n in kinds.items())}" if len(kinds) else ""
    return f"{buses}{many(len(plan.periods), 'period')} of {plan.hours_per_period:g} h{scenarios}{devices}"
