"""Calendars: one column a day, one row a clock hour, so that a year is seen at once; a few days as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import FloatArray, IntArray
from adnflex.reporting import style

_DAY = 24.0
# So many days are lines instead of columns.
_FEW_DAYS = 4
# From so many days on months are named, not days.
_MONTHS = 180
# Crosses that a browser draws at ease.
_MOST_CROSSES = 2000


@dataclass(frozen=True)
class Calendar:
    """When periods begin, as days and hours.

    Attributes
    ----------
    begins : sequence of str
        What a clock on the wall shows as each begins, ``2024-05-29 00:15``; others are counted from midnight on.
    step : float
        Length of a period [h].

    Examples
    --------
    >>> calendar = Calendar(["2024-05-29 23:00", "2024-05-30 00:00"], 1.0)
    >>> calendar.days, calendar.day.tolist(), calendar.slot.tolist()
    (['2024-05-29', '2024-05-30'], [0, 1], [23, 0])
    >>> Calendar(["", ""], 12.0).days
    ['day 1']
    """

    begins: Sequence[str]
    step: float

    @cached_property
    def times(self) -> pd.DatetimeIndex | None:
        """Times; None where they have no date."""
        if not len(self.begins) or not all(str(text)[:4].isdigit() and str(text)[4:5] == "-" for text in self.begins):
            return None
        return pd.DatetimeIndex(pd.to_datetime([str(text)[:16] for text in self.begins], format="ISO8601"))

    @cached_property
    def _hours(self) -> FloatArray:
        """Hours since the first midnight."""
        if self.times is None:
            return np.asarray(np.arange(len(self.begins)) * self.step, dtype=np.float64)
        return np.asarray((self.times - self.times[0].normalize()) / pd.Timedelta(hours=1), dtype=float)

    @cached_property
    def day(self) -> IntArray:
        """Place of the day of each period among `days`."""
        return np.asarray(np.floor(self._hours / _DAY + 1e-9), dtype=np.int64)

    @cached_property
    def slot(self) -> IntArray:
        """Row of each period: its hour, in lengths of a period."""
        return np.asarray(np.round((self._hours - self.day * _DAY) / self.step), dtype=np.int64)

    @property
    def days(self) -> list[str]:
        """Names of all days from the first to the last, those without a period included."""
        count = int(self.day.max(initial=-1)) + 1
        if self.times is None:
            return [f"day {k + 1}" for k in range(count)]
        return [str(day.date()) for day in pd.date_range(self.times[0].normalize(), periods=count)]

    @property
    def few(self) -> bool:
        """Whether the days are so few that lines show more."""
        return len(self.days) <= _FEW_DAYS

    @property
    def texts(self) -> list[str]:
        """Text of each period."""
        if self.times is not None:
            return [str(text)[:16] for text in self.begins]
        hour = self.slot * self.step
        return [f"day {d + 1}, {int(h):02d}:{round(h % 1 * 60):02d}" for d, h in zip(self.day, hour, strict=True)]

    def grid(self, values: FloatArray) -> FloatArray:
        """Values of the periods by row and day; NaN where there is none."""
        rows = max(round(_DAY / self.step), int(self.slot.max(initial=0)) + 1)
        found = np.full((rows, len(self.days)), np.nan)
        found[self.slot, self.day] = values
        return found

    def heat(self, values: FloatArray, unit: str, beyond: FloatArray | None = None, **look: Any) -> go.Figure:
        """Colour every period; `beyond` says which of them break a limit (above 0)."""
        fig = style.figure(310, hovermode="closest", margin={"t": 78, "l": 64})
        hours = np.arange(max(round(_DAY / self.step), int(self.slot.max(initial=0)) + 1)) * self.step
        told = [f"{int(h):02d}:{round(h % 1 * 60):02d}" for h in hours]
        days: Any = self.days if self.times is not None else np.arange(1, len(self.days) + 1)
        fig.add_heatmap(
            x=days, y=hours, z=self.grid(values).round(5), hoverongaps=False, name="",
            customdata=np.broadcast_to(np.array(told, dtype=object)[:, None], (len(told), len(self.days))),
            hovertemplate=f"%{{x}}, %{{customdata}}<br>%{{z:.4g}} {unit}<extra></extra>", **look,
        )  # fmt: skip
        if beyond is not None and (beyond > 0).any():
            worst = np.argsort(-beyond, kind="stable")[: min(_MOST_CROSSES, int((beyond > 0).sum()))]
            places = np.asarray(days, dtype=object)[self.day[worst]]
            marker = {"symbol": "x-thin", "size": 5, "line": {"color": style.INK, "width": 1.2}}
            fig.add_scatter(x=places, y=hours[self.slot[worst]], mode="markers", name="breaks a limit", marker=marker,
                            hoverinfo="skip", showlegend=True)  # fmt: skip
        form = "%b\n%Y" if len(self.days) > _MONTHS else "%-d %b\n%Y"
        dated = {"type": "date", "tickformat": form} if self.times is not None else {"title_text": "day"}
        fig.update_xaxes(**dated, showgrid=False, nticks=13, tickangle=0)
        fig.update_yaxes(
            title_text="clock hour", tickvals=[0, 6, 12, 18], showgrid=False,
            range=[hours[-1] + self.step / 2, -self.step / 2],
        )  # fmt: skip
        return fig

    def lines(self, values: dict[str, tuple[FloatArray, str, str]], title: str) -> go.Figure:
        """Draw values as stairs: by name the values, a colour and a dash."""
        fig = style.figure(310, hovermode="x unified")
        ends = np.append(self._hours, self._hours[-1] + self.step)
        x: Any = ends
        if self.times is not None:
            x = self.times[0].normalize() + pd.to_timedelta(ends, unit="h")
        for name, (series, colour, dash) in values.items():
            fig.add_scatter(x=x, y=np.append(series, series[-1:]), mode="lines", name=name,
                            line={"color": colour, "dash": dash, "shape": "hv", "width": 2.5})  # fmt: skip
        if self.times is None:
            fig.update_xaxes(title_text="clock hour [h]", dtick=3 if len(self.days) == 1 else None)
        else:
            fig.update_xaxes(type="date", tickformat="%H:%M\n%-d %b")
        fig.update_yaxes(title_text=title)
        return fig
