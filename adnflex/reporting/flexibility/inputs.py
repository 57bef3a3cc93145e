"""What the report of flexibility draws: the box before and after, its check, its regions, limits by their places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from adnflex.errors import InputError
from adnflex.reporting import places
from adnflex.reporting.clock import Clock
from adnflex.reporting.text import branch_label
from adnflex.results.flexibility import Flexibility, FlexibilityCheck
from adnflex.results.region import Region, RegionCheck

__all__ = [
    "Limit",
    "Study",
    "clock_of",
    "collected",
    "is_flexibility",
    "is_weighted",
    "limit_groups",
    "place",
    "require",
    "spans",
]

#: So far outside the box a base schedule is not told, as it is rounding [MW].
_ROUNDING = 1e-4
_WORDS = {"sgen": "generator", "ext_grid": "grid connection", "trafo": "transformer"}
#: What a limit is loosened by where the report says what that gives: amount, its text, and the unit of `value`.
_STEPS = {"pu": (0.01, "0.01 pu"), "%": (0.1, "10 % of the rating"), "MWh": (0.1, "0.1 MWh")}


@dataclass(frozen=True)
class Study:
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

    @property
    def clock(self) -> Clock:
        """Time axis of the box."""
        return clock_of(self.flex)

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


def require(flex: object, check: object = None) -> None:
    """Refuse what is no flexibility, or not its check (None is a box that was not validated).

    Examples
    --------
    >>> require("flexibility.json")
    Traceback (most recent call last):
    ...
    adnflex.errors.InputError: plan: is a str; give an adnflex.Flexibility, e.g. from Flexibility.load.
    """
    findings = []
    if not isinstance(flex, Flexibility):
        findings.append(f"plan: is a {type(flex).__name__}; give an adnflex.Flexibility, e.g. from Flexibility.load.")
    if check is not None and not isinstance(check, FlexibilityCheck):
        findings.append(f"check: is a {type(check).__name__}; give the adnflex.FlexibilityCheck of the box, or None.")
    if findings:
        raise InputError(findings)


def is_flexibility(value: object) -> bool:
    """Whether the report of flexibility is meant: a box, a region, or a sequence that holds one."""
    return any(isinstance(item, Flexibility | Region) for item in _many(value))


def collected(plans: object, checks: object = None) -> Study:
    """Sort what was given: the last box is reported, the first one is what it is compared with.

    Parameters
    ----------
    plans : Flexibility, or sequence of Flexibility and Region
        One box, or the box before and the box after; regions of active and reactive power may stand among them.
    checks : FlexibilityCheck, None, or sequence of both
        A single check belongs to the last box; of several there is one for each box, in the same order. Checks of
        regions may stand among them.

    Raises
    ------
    InputError
        If something is neither, no box is among them, or the numbers do not fit.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> flex, best, check = example()
    >>> study = collected([flex, best], check)
    >>> study.flex is best, study.before is flex, round(study.gain_percent)
    (True, True, 13)
    """
    items = _many(plans)
    regions = tuple(item for item in items if isinstance(item, Region))
    boxes = [item for item in items if not isinstance(item, Region)]
    if not boxes:
        raise InputError("plan: holds no box; give at least one adnflex.Flexibility, regions go beside it.")
    given = _many(checks)
    region_checks = tuple(c for c in given if isinstance(c, RegionCheck))
    known = [c for c in given if not isinstance(c, RegionCheck)]
    if len(known) < 2:
        known = [None] * (len(boxes) - 1) + (known or [None])
    for box, check in zip(boxes, known, strict=False):
        require(box, check)
    if len(boxes) > 2:
        raise InputError(f"plan: holds {len(boxes)} boxes; give one, or one before and one after.")
    if len(known) != len(boxes):
        raise InputError(f"check: there are {len(known)} for {len(boxes)} boxes; give one for each, or None.")
    if len(boxes) == 2 and not boxes[0].box.index.equals(boxes[1].box.index):
        raise InputError("plan: both boxes have other periods; compute them for the same horizon.")
    if len(boxes) == 1:
        return Study(boxes[0], known[0], regions=regions, region_checks=region_checks)
    return Study(boxes[1], known[1], boxes[0], known[0], regions, region_checks)


def _many(value: object) -> list[Any]:
    """List of what was given; text is one thing."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(value)
    return [value]


def clock_of(flex: Flexibility) -> Clock:
    """Time axis of a box.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> clock_of(example()[0]).text(3)
    '03:00–04:00'
    """
    periods = tuple(int(t) for t in flex.box.index)
    step = float(flex.hours_per_period)
    start = float(flex.start_hour) + step * periods[0]
    if periods == tuple(range(periods[0], periods[0] + len(periods))):
        return Clock(periods, start, step)
    return _PickedClock(periods, start, step)


@dataclass(frozen=True)
class _PickedClock(Clock):
    """Time axis of periods that do not follow each other, e.g. two typical hours: they are drawn side by side.

    Examples
    --------
    >>> clock = _PickedClock((10, 14, 15), 10.0, 1.0)
    >>> clock.text(14), clock.spans([10, 14, 15]), clock.axis()["ticktext"]
    ('14:00–15:00', '10:00–11:00, 14:00–16:00', ['10:00', '14:00', '15:00'])
    """

    def text(self, period: object) -> str:
        return self._whole().text(period)

    def spans(self, periods: Iterable[int]) -> str:
        return self._whole().spans(periods)

    def axis(self) -> dict[str, Any]:
        return {
            "tickvals": self.middles.tolist(),
            "ticktext": [self.begin(p) for p in self.periods],
            "range": [self.edges[0], self.edges[-1]],
            "title_text": "begin of the period",
        }

    def category_axis(self) -> dict[str, Any]:
        places = {"tickvals": list(range(len(self.periods))), "range": [-0.5, len(self.periods) - 0.5]}
        return self.axis() | places | {"type": "category"}

    def _whole(self) -> Clock:
        """Time axis of all periods from the first to the last."""
        return Clock(tuple(range(self.periods[0], max(self.periods) + 1)), self.start, self.step)


def is_weighted(flex: Flexibility) -> bool:
    """Whether hours have weights, e.g. prices: then bounds and certificate are no MWh.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> is_weighted(example()[1])
    False
    """
    return not math.isclose(flex.linear.worth, flex.linear.total_mwh, rel_tol=1e-6, abs_tol=1e-9)


# Limits -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limit:
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
        What the box gains if it is loosened by `step_text` in all of them [MWh]; NaN where that is not known.
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
    def step_text(self) -> str:
        """By how much it is loosened for `worth_mwh`."""
        return _STEPS.get(self.unit, (1.0, f"1 {self.unit}"))[1]


def limit_groups(table: pd.DataFrame) -> list[Limit]:
    """Limits by kind and place, those first that are worth most, then those that bind most often.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> [(limit.kind, limit.element, int(limit.index)) for limit in limit_groups(example()[0].binding)][:2]
    [('voltage low', 'bus', 5), ('voltage high', 'bus', 5)]
    """
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
        found.append(Limit(str(kind), element, index, str(unit), sides[0], sides[1], total, rows))
    return sorted(found, key=lambda g: (-(g.worth_mwh if g.worth_mwh == g.worth_mwh else 0.0), -len(g.periods)))


def place(flex: Flexibility, element: object, index: object) -> str:
    """Bus, branch or device by its label; a dash where there is none.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> flex = example()[0]
    >>> place(flex, "bus", 3), place(flex, "line", 2.0), place(flex, "sgen", 1)
    ('bus 3 “Mill”', 'line 2 “School street”', 'generator 1')
    """
    if str(element) in {"bus", "line", "trafo", "trafo3w", "impedance", "switch"}:
        return places.place(flex, element, index)
    if element in {None, ""} or index is None or index != index:
        return places.place(flex, None, None)
    try:
        return branch_label(_WORDS.get(str(element), str(element)), int(float(str(index))))
    except ValueError:  # a quantity of the whole net has no place
        return places.text(index)


def spans(clock: Clock, periods: Iterable[int]) -> str:
    """Several periods in words; those that are not of the horizon are left out."""
    return clock.spans(p for p in periods if p in clock.periods)
