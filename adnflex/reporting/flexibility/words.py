"""Verdict and key figures of a box, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adnflex.reporting.flexibility.view import FlexibilityView, limit_groups
from adnflex.reporting.page import Banner, Card
from adnflex.reporting.proof import banner, judge_cards
from adnflex.reporting.text import dash, fixed, many, measured, number, percent, rounded_up, share, signed
from adnflex.results.certificate import disproved, reservation
from adnflex.results.flexibility_check import FlexibilityCheck
from adnflex.results.status import status_words

#: Differences of this size are rounding, not findings.
_EXACT = 1e-9
_TINY = 1e-6


def verdict(view: FlexibilityView) -> Banner:
    """Banner of a box."""
    flex, check, remark = view.flex, view.check, certificate_words(view)
    missing = (
        f"The box of {size(flex.total_mwh)} has not been run against full AC power flow on random trajectories; do not "
        "promise it before it has."
    )
    headline = f"Passed in AC: {size(rounded_down(flex.total_mwh))} of flexibility can be promised"
    # The check's own sentence may tell the numbers already.
    if view.passed and check is not None and str(check.states) not in check.verdict:
        remark = f"{_run_words(check)} {remark}"
    found = banner(check, headline, "FAILED: do not promise this box", missing, remark, reservation(flex.certificate))
    worst = _worst_violation(view)
    return replace(found, sentence=f"Worst: {worst}. {found.sentence}") if worst and found.kind == "fail" else found


def rounded_down(value: float, digits: int = 4) -> float:
    """Round towards zero to so many significant digits: a promise must not be rounded up.

    Examples
    --------
    >>> rounded_down(44.3779), rounded_down(0.0)
    (44.37, 0.0)
    """
    if not value or not math.isfinite(value):
        return value
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    # Half a millionth of the last digit is the noise of the scaling itself.
    return math.copysign(float(f"{math.floor(abs(value) * 10.0**decimals + 1e-6)}e{-decimals}"), value)


def size(mwh: float) -> str:
    r"""Size of a box.

    Examples
    --------
    >>> size(35.3182)
    '35.32\u202fMWh'
    """
    return number(mwh, "MWh", 4)


def _run_words(check: FlexibilityCheck) -> str:
    """Say how much was run."""
    return (
        f"Run in full AC power flow: {fixed(check.trajectories, 0)} random trajectories and {fixed(check.vertices, 0)} "
        f"vertices of the box, {fixed(check.states, 0)} power flows; import within "
        f"{number(_kw(check.worst_error_kw), 'kW', 2)} of what was asked for."
    )


def _kw(value: float) -> float:
    """Errors below a milliwatt are rounding."""
    return 0.0 if abs(value) < _TINY else value


def certificate_words(view: FlexibilityView) -> str:
    """Say how much more useful another box in AC can be, or why that is not known."""
    flex = view.flex
    if why := _uncertified(view):
        return f"No certificate: a larger box may exist ({why})."
    return (
        f"Certificate: useful width {size(flex.useful_mwh)}, import less what is lost in network, converters and "
        f"storages; in AC no box with these wishes, whatever its policy, can be more useful by more than "
        f"{_up(flex.certificate)}. As metered, with losses, a larger box may exist: it burns power."
    )


def _uncertified(view: FlexibilityView) -> str:
    """Why there is no certificate; empty where there is one."""
    if not view.passed:
        return "there is none without a passed check"
    if not math.isfinite(view.flex.certificate):
        return view.flex.outer.kind
    return "bound and AC power flow disagree" if disproved(view.flex.certificate) else ""


def _up(gap: float) -> str:
    # Below this, `share` only says "less than"; what is told here is an upper limit in any case.
    return share(max(rounded_up(max(gap, 0.0)), _TINY)) if gap > _EXACT else fixed(0, 0, "%")


def _worst_violation(view: FlexibilityView) -> str:
    """Tell the worst violation with place, hour, value and limit; empty where there is none."""
    check = view.check
    if check is None or check.violations.empty:
        return ""
    table = check.violations
    relative = (table["excess"].astype(float) / table["limit"].astype(float).abs().clip(lower=1e-9)).abs()
    row = table.loc[relative.idxmax()]
    value, limit, excess = measured(str(row["unit"]), row["value"], row["limit"], row["excess"])
    where = view.labels.of(row["element"], row["index"])
    at = f" at {where}" if where != dash else ""
    when = "" if row["period"] != row["period"] else f", {view.clock.text(row['period'])}"
    return f"{row['kind']}{at}{when}: {value}, limit {limit} ({excess} beyond it)"


# Key figures ------------------------------------------------------------------------------------------------


def key_cards(view: FlexibilityView, _first: FlexibilityView | None = None) -> list[Card]:
    """Return the key figures: energy, power, what the switching changes, AC runs, linear model, what holds back."""
    flex = view.flex
    hours = len(flex.box) * flex.hours_per_period
    held = "every state run in AC" if view.passed else "NOT shown to hold in AC"
    promised = Card(
        f"{'Promised' if view.passed else 'Box'} over {hours:g} h",
        size(rounded_down(flex.total_mwh)),
        f"sum of the widths times the hours, {held}",
    )
    return [promised, _power(view), *_switching(view), _runs(view), *judge_cards(view.check), _certificate(view),
            _linear(view), _holds(view), *_relieved(view), *_directions(view), _tightening(view),
            *_extremes(view)]  # fmt: skip


def _power(view: FlexibilityView) -> Card:
    """Narrowest and widest period."""
    width = (view.flex.upper_mw - view.flex.lower_mw).astype(float)
    low, high = width.idxmin(), width.idxmax()
    value = f"{fixed(width[low], 2)} to {fixed(width[high], 2, 'MW')}"
    clock = view.clock
    below = f"narrowest {clock.text(low)}, widest {clock.text(high)}; {fixed(width.mean(), 2, 'MW')} on average"
    return Card("Power that can be moved", value, below)


def _directions(view: FlexibilityView) -> list[Card]:
    """How far above and below the base schedule."""
    box = view.flex.box.astype(float)
    if "base_mw" not in box or not box["base_mw"].notna().all():
        return []
    up, down = (s.clip(lower=0.0) for s in (box["upper_mw"] - box["base_mw"], box["base_mw"] - box["lower_mw"]))
    hours = view.flex.hours_per_period
    value = f"+{fixed(up.max(), 2)} / −{fixed(down.max(), 2, 'MW')}"
    mwh = f"+{fixed(up.sum() * hours, 1)} / −{fixed(down.sum() * hours, 1, 'MWh')}"
    below = f"at most, against the base schedule; over all hours {mwh}"
    return [Card("More / less import", value, below)]


def _switching(view: FlexibilityView) -> list[Card]:
    """Tell what the switching changes; nothing where the topology was no decision."""
    flex = view.flex
    if not len(flex.switches) and view.before is None:
        return []
    gain = view.gain_percent
    what = _operations(view)
    before = f" against {size(view.before_mwh)}" if math.isfinite(gain) else ""
    label = "What the switching changes" if len(flex.switches) else "Against the first box"
    return [Card(label, signed(gain), f"{what}{before}".strip())]


def _operations(view: FlexibilityView) -> str:
    """Which branches are opened and closed."""
    table = view.flex.switches
    if not len(table):
        return ""
    moved = table[table["operated"].astype(bool)]
    if moved.empty:
        return "nothing is switched,"
    words = []
    for closed, verb in ((False, "open"), (True, "close")):
        rows = moved[moved["closed_after"].astype(bool) == closed]
        if len(rows):
            words.append(
                f"{verb} {', '.join(f'{e} {i}' for e, i in rows[['element', 'index']].itertuples(index=False))}"
            )
    return "; ".join(words) + ","


def _runs(view: FlexibilityView) -> Card:
    check = view.check
    if check is None:
        return Card("AC check", "not validated", "run validate() on the box first")
    value = f"{'passed' if check.passed else 'FAILED'}, {fixed(check.states, 0)} power flows"
    below = f"{fixed(check.trajectories, 0)} random trajectories, {fixed(check.vertices, 0)} vertices; error ≤ "
    return Card("AC check", value, below + number(rounded_up(_kw(check.worst_error_kw)), "kW", 2))


def _certificate(view: FlexibilityView) -> Card:
    """Say how far the box is from the bound of all boxes in AC."""
    flex = view.flex
    if why := _uncertified(view):
        return Card("Certificate", dash, why)
    below = f"useful {size(flex.useful_mwh)} of at most {size(flex.outer_mwh)} in AC, losses taken out"
    return Card("Certificate", f"≤ {_up(flex.certificate)}", below)


def _linear(view: FlexibilityView) -> Card:
    """Say how far the box of the linear model is from the bound of the linear model."""
    linear = view.flex.linear
    label = "Linear model, from its own bound"
    if not math.isfinite(linear.gap):
        return Card(label, dash, "no bound known")
    return Card(label, f"≤ {_up(linear.gap)}", f"{linear.bound_kind}; no bound of boxes in AC")


def _holds(view: FlexibilityView) -> Card:
    """Tell what holds the box back most."""
    groups = limit_groups(view.flex.binding)
    if not groups:
        return Card("Holds it back", "no limit of the network", "only what the devices can do")
    first = groups[0]
    ends = " and ".join(first.ends)
    more = f"; {len(groups) - 1} more" if len(groups) > 1 else ""
    below = f"{ends}, in {len(first.periods)} of {many(len(view.flex.box), 'period')}{more}"
    return Card("Holds it back most", view.label(first), below)


def _relieved(view: FlexibilityView) -> list[Card]:
    """Tell what held the present topology back and no longer does."""
    groups = limit_groups(view.flex.relieved)
    if not groups:
        return []
    others = len(groups) - 1
    more = f"; {others} more limit{'s' if others > 1 else ''}" if others else ""
    below = f"held it back in {many(len(groups[0].periods), 'period')}{more}"
    return [Card("No longer holds it back", view.label(groups[0]), below)]


def _tightening(view: FlexibilityView) -> Card:
    """Tell what holding in AC costs; losses may also make the true box larger than that of the linear model."""
    flex = view.flex
    cost, linear = flex.tightening_mwh, flex.separable.total_mwh
    part = percent(100 * abs(cost) / linear, 2) if linear > 0 else dash
    if cost < 0:
        return Card(
            "AC box against the linear one", f"+{size(-cost)}", f"{part} larger: the linear model knows no losses"
        )
    return Card("Price of holding in AC", size(cost), f"{part} of the box of the linear model")


def _extremes(view: FlexibilityView) -> list[Card]:
    """Lowest and highest voltage and highest loading of all AC states."""
    source = view.flex.ac if view.check is None or view.check.ac.empty else view.check.ac
    if source.empty:
        return []
    table = source.reset_index() if "period" not in source else source
    found = []
    for label, column, element, index, pick in (
        ("Lowest voltage", "vm_min_pu", "", "vm_min_bus", np.nanargmin),
        ("Highest voltage", "vm_max_pu", "", "vm_max_bus", np.nanargmax),
        ("Highest loading", "loading_percent", "loading_element", "loading_index", np.nanargmax),
    ):
        values = table[column].to_numpy(dtype=float) if column in table else np.array([])
        if not np.isfinite(values).any():
            continue
        row = table.iloc[int(pick(values))]
        where = view.labels.of(row[element] if element else "bus", row.get(index))
        value = fixed(row[column], 4, "pu") if not element else percent(float(row[column]))
        found.append(Card(label, value, f"{where}, {view.clock.text(row['period'])}, of all AC states"))
    return found


# Words of the head --------------------------------------------------------------------------------------------


def title(views: Sequence[FlexibilityView]) -> str:
    """Headline of the report."""
    return f"Flexibility of {views[0].flex.net_name or 'an unnamed net'}"


def subtitle(views: Sequence[FlexibilityView]) -> str:
    """Say where, for how long, and how the search ended, in one line."""
    flex = views[0].flex
    low, high = fixed(flex.lower_mw.min(), 2), fixed(flex.upper_mw.max(), 2, "MW")
    where = str(flex.pcc).replace("ext_grid", "grid connection")
    return (
        f"At {where}: {len(flex.box)} periods of {flex.hours_per_period:g} h, import between {low} and {high}; "
        f"{status_words(flex.status)}"
    )
