"""Several studies of a net side by side, as text for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from adnflex.reporting.dispatch.readings import currents, voltage_spread
from adnflex.reporting.dispatch.view import DispatchView, views
from adnflex.reporting.published import of_study
from adnflex.results.status import NO_RECOVERY

if TYPE_CHECKING:
    from adnflex.cli.conclusion import Judged


_NOTHING = "-"
# Further readings of the peak-valley voltage.
_SPREADS = {
    "period": "in a period, largest",
    "period_mean": "in a period, mean",
    "bus": "of a bus, largest",
    "bus_mean": "of a bus, mean",
}


def comparison_table(outcomes: Sequence[Judged]) -> str:
    """Costs by item, carbon, import and voltages of studies, with changes against the first that has a plan.

    Where a plan carries published figures, they stand in the row below ours.

    Parameters
    ----------
    outcomes : sequence of Judged
        At least one with a plan.
    """
    solved = [o for o in outcomes if o.plan is not None]
    named = views([o.plan for o in solved if o.plan is not None], [o.check for o in solved])
    found = {o.name: s for o, s in zip(solved, named, strict=True)}
    first, first_name = named[0], solved[0].name
    rows: list[tuple[str, list[str]]] = [("AC check", [_verdict(o) for o in outcomes])]

    def add(title: str, key: str, value: Callable[[DispatchView], str]) -> None:
        """Add a row of ours, and one of published figures where there are any."""
        rows.append((title, [value(found[o.name]) if o.name in found else _NOTHING for o in outcomes]))
        theirs = [_published(o).get(key) for o in outcomes] if key else []
        if any(x is not None for x in theirs):
            rows.append(("  published", [_figure(x, key) for x in theirs]))

    currency = first.plan.currency
    add(f"cost [{currency}]", "cost", lambda s: f"{s.cost:,.2f}")
    for item in dict.fromkeys(str(i) for s in named for i in s.costs.index):
        if any(abs(float(s.costs.get(item, 0.0))) > 5e-3 for s in named):
            add(f"  {item}", "", partial(_item, item))
    against = f"against study {first_name}"
    add(f"  {against}", "cost_change_percent", lambda s: _change(s.cost, first.cost, s is first))
    add("carbon [kg]", "carbon_kg", lambda s: f"{s.plan.carbon_kg:,.1f}")
    add(
        f"  {against}",
        "carbon_change_percent",
        lambda s: _change(s.plan.carbon_kg, first.plan.carbon_kg, s is first),
    )
    add("imported [MWh]", "imported_mwh", lambda s: f"{s.mwh('imported'):.2f}")
    add("losses [MWh]", "losses_mwh", lambda s: f"{s.mwh('losses'):.3f}")
    add("peak-valley voltage", "voltage_spread_percent", lambda s: f"{voltage_spread(s).whole:.2f} %")
    for name, words in _SPREADS.items():
        add(f"  {words}", "", partial(_spread, name))
    add("largest current [A]", "", lambda s: f"{currents(s).largest:.1f}")
    add("mean current [A]", "", lambda s: f"{currents(s).mean:.2f}")
    add("certificate", "", _certificate)
    add("recovered periods", "", lambda s: str(int((s.plan.recovery["method"] != NO_RECOVERY).sum())))
    add("seconds", "", lambda s: f"{s.plan.seconds:.1f}")
    sources = dict.fromkeys(str(_published(o)["source"]) for o in outcomes if "source" in _published(o))
    return "\n".join([_layout([f"study {o.name}" for o in outcomes], rows), *(f"published: {s}" for s in sources)])


def _layout(names: Sequence[str], rows: Sequence[tuple[str, list[str]]]) -> str:
    left = max(len(title) for title, _ in rows)
    widths = [max(len(name), *(len(cells[k]) for _, cells in rows)) for k, name in enumerate(names)]
    lines = [("", list(names)), *rows]
    return "\n".join(
        "  ".join([title.ljust(left), *(cell.rjust(w) for cell, w in zip(cells, widths, strict=True))])
        for title, cells in lines
    )


def _verdict(outcome: Judged) -> str:
    if outcome.check is None:
        return "infeasible"
    return "passed" if outcome.check.passed else "FAILED"


def _item(item: str, study: DispatchView) -> str:
    return f"{float(study.costs[item]):,.2f}" if item in study.costs.index else _NOTHING


def _spread(name: str, study: DispatchView) -> str:
    return f"{getattr(voltage_spread(study), name):.2f} %"


def _change(value: float, reference: float, itself: bool) -> str:
    return _NOTHING if itself or not reference else f"{100 * (value - reference) / abs(reference):+.1f} %"


def _certificate(study: DispatchView) -> str:
    known = None if study.check is None else study.check.certificate
    return _NOTHING if known is None else f"{100 * known:.4f} %"


def _published(outcome: Judged) -> Mapping[str, object]:
    return {} if outcome.plan is None else of_study(outcome.plan.options, outcome.name)


def _figure(value: object, key: str) -> str:
    if not isinstance(value, int | float):
        return _NOTHING if value is None else str(value)
    if key.endswith("_change_percent"):
        return f"{value:+.1f} %"
    return f"{value:,.2f}" + (" %" if key.endswith("_percent") else "")
