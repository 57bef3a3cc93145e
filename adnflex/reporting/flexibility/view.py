"""Flexibility as its report sees it: the box before and after, its check, its regions, limits by their places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from adnflex.errors import InputError
from adnflex.reporting.clock import Clock, clock_of
from adnflex.reporting.text import cell, dash, fixed, number
from adnflex.reporting.views import NetFacts, View
from adnflex.results.flexibility import Flexibility
from adnflex.results.flexibility_check import FlexibilityCheck
from adnflex.results.region import Region, RegionCheck

#: Symbol and colour of what holds back each end, and what it holds back.
SIDES = {
    "upper": ("triangle-up", "#D55E00", "more import"),
    "lower": ("triangle-down", "#0072B2", "less import"),
}
#: So far outside the box a base schedule is not told, as it is rounding [MW].
_ROUNDING = 1e-4
#: What a limit is loosened by where the report says what that gives: amount, its text, and the unit of `value`.
_STEPS = {"pu": (0.01, "0.01 pu"), "%": (0.1, "10 % of the rating"), "MWh": (0.1, "0.1 MWh")}


@dataclass(frozen=True, kw_only=True)
class FlexibilityView(View):
    """The box that is reported, its check, and what it is compared with.

    Attributes
    ----------
    flex : Flexibility
        The box of the report.
    check : FlexibilityCheck or None
        Its AC check.
    before : Flexibility or None
        The box that it is compared with, usually that of the present topology.
    before_check : FlexibilityCheck or None
        The check of `before`, where there is one.
    regions : tuple of Region
        Regions of active and reactive power.
    region_checks : tuple of RegionCheck
        Their checks, where they were given.
    """

    flex: Flexibility
    check: FlexibilityCheck | None
    before: Flexibility | None = None
    before_check: FlexibilityCheck | None = None
    regions: tuple[Region, ...] = ()
    region_checks: tuple[RegionCheck, ...] = ()
    timed = True

    @property
    def answer(self) -> Flexibility:
        """The box."""
        return self.flex

    @property
    def switched(self) -> bool:
        """Whether something is switched."""
        return self.flex.operations > 0

    def notes(self) -> list[str]:
        """Return notes of box, check and regions, and what the comparison lacks."""
        told = [*super().notes(), *(n for r in self.regions for n in r.notes)]
        if self.before_check is not None and not self.before_check.passed:
            told.append("The box before did not pass its own AC check, so the comparison with it does not stand.")
        if not len(self.flex.topology):
            told.append("The box carries no map; give report() the net to have one drawn.")
        return told

    @cached_property
    def clock(self) -> Clock:
        """Time axis of the box."""
        return box_clock(self.flex)

    def when(self, row: pd.Series) -> str:
        """Hour of a finding, the whole horizon where it has none; and its trajectory where it names one."""
        period, of = row["period"], cell(row.get("trajectory"))
        told = "whole horizon" if period is None or period != period else self.clock.text(period)
        return told if of == dash else f"{told}, {f'trajectory {of}' if of.isdigit() else of}"

    @property
    def passed(self) -> bool:
        """Whether the box may be promised."""
        return self.check is not None and self.check.passed

    @property
    def base_outside(self) -> tuple[int, ...]:
        """Periods in which the base schedule lies outside the box."""
        box = self.flex.box.astype(float)
        if "base_mw" not in box:
            return ()
        outside = (box["base_mw"] < box["lower_mw"] - _ROUNDING) | (box["base_mw"] > box["upper_mw"] + _ROUNDING)
        return tuple(int(p) for p in box.index[outside])

    @property
    def limits_before(self) -> pd.DataFrame:
        """Limits that held the box back before: of `before`, else those that were relieved; empty where unknown."""
        return self.flex.relieved if self.before is None else self.before.binding

    def band_before(self) -> pd.DataFrame | None:
        """``lower_mw`` and ``upper_mw`` of the box before, of the same periods; None where there is none."""
        if self.before is not None:
            return self.before.box.reindex(self.flex.box.index)[["lower_mw", "upper_mw"]].astype(float)
        return self.band("present") if len(self.flex.switches) else None

    def band(self, topology: str) -> pd.DataFrame | None:
        """``lower_mw`` and ``upper_mw`` of a topology that was compared; None where it was not."""
        bands = self.flex.bands
        if bands.columns.nlevels < 2 or topology not in bands.columns.get_level_values(0):
            return None
        return bands[topology].reindex(self.flex.box.index).astype(float)

    @property
    def before_mwh(self) -> float:
        """Size of the box before [MWh]; NaN where there is none."""
        band = self.band_before()
        if band is None:
            return math.nan
        return float((band["upper_mw"] - band["lower_mw"]).sum() * self.flex.hours_per_period)

    @property
    def gain_percent(self) -> float:
        """What the switching changes [%]; NaN where nothing was compared."""
        before = self.before_mwh
        return 100 * (self.flex.total_mwh / before - 1) if before > 0 else math.nan

    def label(self, limit: BoxLimit, short: bool = False) -> str:
        """Kind and place of a limit; the short form has no names."""
        where = self.labels.of(limit.element, limit.index)
        return f"{limit.kind}, {where.partition(' “')[0] if short else where}"


def box_clock(flex: Flexibility) -> Clock:
    """Time axis of a box."""
    step = float(flex.hours_per_period)
    return clock_of(flex.box.index, float(flex.start_hour) + step * int(flex.box.index[0]), step)


def is_weighted(flex: Flexibility) -> bool:
    """Whether hours have weights, e.g. prices: then bounds and certificate are no MWh."""
    return not math.isclose(flex.linear.worth, flex.linear.total_mwh, rel_tol=1e-6, abs_tol=1e-9)


def views(results: Sequence[Any], checks: Sequence[Any], _facts: NetFacts | None = None) -> list[FlexibilityView]:
    """Sort what was given: the last box is reported, the first one is what it is compared with.

    A single check belongs to the last box; of several there is one for each box, in the same order.
    """
    boxes = [item for item in results if isinstance(item, Flexibility)]
    if not boxes:
        raise InputError("plan: holds no box; give at least one adnflex.Flexibility, regions go beside it.")
    owners = results if len(checks) == len(results) else [None] * len(checks)
    known = [
        c
        for c, owner in zip(checks, owners, strict=True)
        if not isinstance(c if owner is None else owner, RegionCheck | Region)
    ]
    if len(known) < 2:
        known = [None] * (len(boxes) - 1) + (known or [None])
    if len(boxes) > 2:
        raise InputError(f"plan: holds {len(boxes)} boxes; give one, or one before and one after.")
    if len(known) != len(boxes):
        raise InputError(f"check: there are {len(known)} for {len(boxes)} boxes; give one for each, or None.")
    if len(boxes) == 2 and not boxes[0].box.index.equals(boxes[1].box.index):
        raise InputError("plan: both boxes have other periods; compute them for the same horizon.")
    before, before_check = (boxes[0], known[0]) if len(boxes) == 2 else (None, None)
    return [
        FlexibilityView(
            name="flexibility", flex=boxes[-1], check=known[-1], before=before, before_check=before_check,
            regions=tuple(item for item in results if isinstance(item, Region)),
            region_checks=tuple(c for c in checks if isinstance(c, RegionCheck)),
        )
    ]  # fmt: skip


# Limits -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BoxLimit:
    """One limit in one place, over all periods in which it holds the box back.

    Attributes
    ----------
    kind, unit : str
        What it is, the unit of its values.
    element, index : object
        The table it belongs to and the index in it; a limit of the whole net has none.
    lower, upper : tuple of int
        Periods in which it holds back the lower and the upper end; what belongs to both, as energy does, is in both.
    worth_mwh : float
        What the box gains if it is loosened a little in all of them [MWh]; NaN where that is not known.
    rows : pandas.DataFrame
        The rows of `Flexibility.binding` that it was made of.
    """

    kind: str
    element: object
    index: object
    unit: str
    lower: tuple[int, ...]
    upper: tuple[int, ...]
    worth_mwh: float
    rows: pd.DataFrame

    @property
    def periods(self) -> tuple[int, ...]:
        """Periods in which it holds back either end."""
        return tuple(sorted({*self.lower, *self.upper}))

    @property
    def worth(self) -> str:
        """What loosening it a little gives."""
        if self.worth_mwh != self.worth_mwh:
            return dash
        gain = max(self.worth_mwh, 0.0)
        step = _STEPS.get(self.unit, (1.0, f"1 {self.unit}"))[1]
        return f"{number(gain, 'MWh', 3) if gain >= 1e-4 else fixed(0, 0, 'MWh')} per {step}"

    @property
    def ends(self) -> list[str]:
        """What it holds back."""
        return [SIDES[side][2] for side in SIDES if getattr(self, side)]


def limit_groups(table: pd.DataFrame) -> list[BoxLimit]:
    """Limits by kind and place, those first that are worth most, then those that bind most often."""
    if table.empty:
        return []
    found = []
    for (kind, element, index, unit), rows in table.groupby(
        ["kind", "element", "index", "unit"], sort=False, dropna=False
    ):
        worth = rows["worth_mwh"].astype(float) if "worth_mwh" in rows else pd.Series(dtype=float)
        step = _STEPS.get(str(unit), (1.0, ""))[0]
        sides = [
            tuple(sorted({int(p) for p in rows.loc[rows["side"].isin([s, "both"]), "period"].dropna()}))
            for s in ("lower", "upper")
        ]
        total = float(worth.sum() * step) if worth.notna().any() else math.nan
        found.append(BoxLimit(str(kind), element, index, str(unit), sides[0], sides[1], total, rows))
    return sorted(found, key=lambda g: (-(g.worth_mwh if g.worth_mwh == g.worth_mwh else 0.0), -len(g.periods)))
