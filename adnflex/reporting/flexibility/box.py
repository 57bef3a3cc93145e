"""The box over time, the stored energy that it reaches, and trajectories that were followed inside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import FloatArray
from adnflex.reporting import page, style
from adnflex.reporting.canvas import DayFigure
from adnflex.reporting.canvas.day import line
from adnflex.reporting.flexibility.view import FlexibilityView
from adnflex.reporting.page import Html
from adnflex.reporting.text import fixed, signed
from adnflex.reporting.views import NothingToDraw
from adnflex.results.flexibility_check import FlexibilityCheck

#: Band of the comparison beside the two that are drawn filled; the reader switches it on in the key.
_OTHER = ("least losses", "#009E73")
#: Examples that can be chosen; more devices or storages than this are drawn by their kind, or as their sum.
_MOST_EXAMPLES, _MOST, _MOST_COLUMNS = 6, 8, 25
#: Set-points that differ by less than this do not move [MW].
_STILL = 1e-7
_KINDS = {"sgen": "generators", "gen": "generators", "storage": "storages", "load": "loads"}
#: Tables whose power counts as feeding in.
_FEEDING = {"sgen", "gen"}
_REACH = ["low_mwh", "high_mwh", "min_mwh", "max_mwh"]


def box(view: FlexibilityView) -> go.Figure:
    """Box of imports [MW] over time, before and after, the base schedule, and the widths [MW]."""
    band, before = view.flex.box.astype(float), view.band_before()
    day = DayFigure(view.clock, [("import [MW]", "MW"), ("width [MW]", "MW")], 560, shares=[0.68, 0.32],
                    barmode="group", bargap=0.2 if len(band) <= 48 else 0.0, hovermode="x")  # fmt: skip
    name = "promised" if view.passed else "this box"
    if before is not None:
        day.band(0, before["lower_mw"], before["upper_mw"], "before", style.BEFORE, 0.35)
    day.band(0, band["lower_mw"], band["upper_mw"], name, style.AFTER, 0.25)
    other = view.band(_OTHER[0])
    if other is not None:
        for column in ("lower_mw", "upper_mw"):
            look = line(_OTHER[1], 1.8, "dash")
            day.stairs(0, other[column], _OTHER[0], look, visible="legendonly")
    if "base_mw" in band:
        day.stairs(0, band["base_mw"], "if nothing is asked for", line(style.INK, 2.0, "dot"))
    for trace in day.fig.data:
        trace.update(hoverinfo="skip", hovertemplate=None)
    told = _told(view, band, before, name)
    day.tell(0, (band["lower_mw"] + band["upper_mw"]) / 2, told)
    for word, rows, tint in (("before", before, style.BEFORE), (name, band, style.AFTER)):
        if rows is not None:
            day.fig.add_trace(
                go.Bar(
                    x=view.clock.middles, y=(rows["upper_mw"] - rows["lower_mw"]).to_numpy(), name=word,
                    legendgroup=word, showlegend=False, marker={"color": tint, "line": {"width": 0}},
                    hoverinfo="text" if word == name else "skip", hovertext=told if word == name else None,
                    textposition="none",
                ),
                row=2, col=1,
            )  # fmt: skip
    day.axis(0, zerolinecolor=style.INK)
    day.axis(1, rangemode="tozero")
    return day.done()


def _told(view: FlexibilityView, band: pd.DataFrame, before: pd.DataFrame | None, word: str) -> list[str]:
    """Tell each period: both ends, the width, and those before."""
    texts = []
    for k, when in enumerate(view.clock.texts):
        row = band.iloc[k]
        text = f"<b>{when}</b><br>{word} {_ends(row)}"
        if before is not None:
            change = float((band - before)["upper_mw"].iloc[k] - (band - before)["lower_mw"].iloc[k])
            text += f"<br>before {_ends(before.iloc[k])}"
            text += f"<br>{'wider' if change >= 0 else 'narrower'} by {fixed(abs(change), 3, 'MW')}"
        if "base_mw" in band:
            text += f"<br>if nothing is asked for {fixed(row['base_mw'], 3, 'MW')}"
        texts.append(text)
    return texts


def _ends(row: pd.Series) -> str:
    width = float(row["upper_mw"] - row["lower_mw"])
    return f"{fixed(row['lower_mw'], 3)} to {fixed(row['upper_mw'], 3, 'MW')} (width {fixed(width, 3, 'MW')})"


def box_words(view: FlexibilityView) -> str:
    """Say what the bands of the figure are."""
    promise = "Every import inside the blue band can be asked for, period by period, without notice of later ones."
    failed = "The blue band is what was computed; it has not held in AC power flow, so do not promise it."
    words = [promise if view.passed else failed]
    words += ["Grey is the band before."] if view.band_before() is not None else []
    if view.band(_OTHER[0]) is not None:
        words.append("The band of the topology with least losses is switched on in the key.")
    if view.base_outside:
        words.append(
            f"The base schedule (dotted) lies outside in {view.clock.spans(view.base_outside)}: limits of the network "
            "rule it out there, or what is promised in other periods needs the stored energy."
        )
    return " ".join(words)


def box_table(view: FlexibilityView) -> Html:
    """Both ends, width and base schedule of every period, beside the width before."""
    band, before = view.flex.box.astype(float), view.band_before()
    ends = {"lower": band["lower_mw"], "upper": band["upper_mw"], "width": band["upper_mw"] - band["lower_mw"]}
    numbers = {**ends, "base": band["base_mw"] if "base_mw" in band else pd.Series(math.nan, index=band.index)}
    columns: dict[str, Callable[[int], str]] = {"when": view.clock.text}
    columns |= {f">{name}": partial(_mw, values) for name, values in numbers.items()}
    if before is not None:
        was = before["upper_mw"] - before["lower_mw"]
        change = (100 * (ends["width"] / was - 1)).where(was > 0)
        columns |= {">width before": partial(_mw, was), ">change": lambda t: signed(change[t])}
    return page.details("The box as numbers", *page.listing(list(band.index), columns))


def _mw(values: pd.Series, period: int) -> str:
    return fixed(values[period], 3, "MW")


# Stored energy ------------------------------------------------------------------------------------------------


def _reach(view: FlexibilityView) -> dict[str, pd.DataFrame]:
    """Reach and limits of each storage [MWh] by its label; of very many, their sum."""
    energy = view.flex.energy
    if energy.columns.nlevels < 2 or not len(energy.columns):
        raise NothingToDraw("plan: energy is empty, so there is nothing to draw; there are no storages.")
    storages = list(dict.fromkeys(energy.columns.get_level_values(0)))
    tables = {s: energy[s].reindex(columns=_REACH).astype(float) for s in storages}
    if len(tables) > _MOST:
        return {f"all {len(tables)} storages": sum(tables.values(), start=0.0 * next(iter(tables.values())))}
    return {view.labels.of("storage", s): table for s, table in tables.items()}


def storage(view: FlexibilityView) -> go.Figure:
    """Draw the stored energy [MWh] that any trajectory inside the box can reach, and the limits of each storage.

    With a check the energy of its example trajectories is drawn inside.
    """
    reach, check = _reach(view), view.check
    names = list(reach)
    starts = view.flex.storages["start_mwh"].astype(float)
    started = {view.labels.of("storage", s): float(v) for s, v in starts.items()}
    lines = _examples(view, check, names)
    day = DayFigure(view.clock, [("[MWh]", "MWh")] * len(reach), 110 + 190 * len(reach), names, hovermode="x")
    for row, (name, table) in enumerate(reach.items()):
        start = started.get(name, float(starts.sum()))
        low, high, least, most = (table[c] for c in _REACH)
        day.band(row, low, high, "any trajectory", style.AFTER, 0.22, start)
        for values in (least, most):
            limit = line(style.LIMIT, 1.5, "dash")
            day.level(row, float(values.iloc[0]), values, "limits", limit)
        for values in lines.get(name, []):
            day.level(row, start, values, "examples", line(style.INK, 1.0), opacity=0.45)
        told = [
            f"after {t}: {fixed(a, 3)} to {fixed(b, 3, 'MWh')}<br>limits {fixed(c, 3)} to {fixed(d, 3, 'MWh')}"
            for t, (a, b, c, d) in zip(view.clock.texts, table[_REACH].to_numpy(), strict=True)
        ]
        day.tell(row, high, told)
        day.axis(row, rangemode="tozero", zeroline=False)
    day.fig.update_traces(hoverinfo="skip", hovertemplate=None, selector={"mode": "lines"})
    return day.done()


def _examples(view: FlexibilityView, check: FlexibilityCheck | None, names: list[str]) -> dict[str, list[FloatArray]]:
    """Return the stored energy of the check's examples by label."""
    found: dict[str, list[FloatArray]] = {name: [] for name in names}
    if check is None or check.example_setpoints.empty:
        return found
    for trajectory in dict.fromkeys(check.example_setpoints.index.get_level_values(0)):
        energy = view.flex.stored_energy(check.example_setpoints.loc[trajectory])
        if len(names) == 1 and len(energy.columns) > 1:
            found[names[0]].append(energy.sum(axis=1).to_numpy())
            continue
        for storage in energy.columns:
            found.setdefault(view.labels.of("storage", storage), []).append(energy[storage].to_numpy())
    return found


# Trajectories that were followed ------------------------------------------------------------------------------


def example_names(check: FlexibilityCheck | None) -> dict[str, object]:
    """Words by which the examples are chosen, and the key of each in the check's tables."""
    if check is None or check.examples.columns.nlevels < 2:
        return {}
    keys = list(dict.fromkeys(check.examples.columns.get_level_values(0)))[:_MOST_EXAMPLES]
    return {(k if isinstance(k, str) else f"example {n}"): k for n, k in enumerate(keys, start=1)}


def _moving(view: FlexibilityView, setpoints: pd.DataFrame) -> pd.DataFrame:
    """Set-points that differ between both ends of the box: what only follows its profile is no flexibility."""
    low, high = view.flex.setpoints_lower, view.flex.setpoints_upper
    apart = {
        c for c in low.columns if c in high and (low[c].astype(float) - high[c].astype(float)).abs().max() > _STILL
    }
    # Of a device that moves all columns are shown.
    devices = {(table, index) for table, _, index in apart}
    return setpoints.loc[:, [(c[0], c[2]) in devices for c in setpoints.columns]]


def device_powers(view: FlexibilityView, setpoints: pd.DataFrame) -> pd.DataFrame:
    """Active power that each device that moves draws [MW], generation negative; very many devices by their kind.

    What a soft open point takes at one bus it gives at another, so that it draws no more than its losses: left out.
    """
    scalings = view.flex.storages.get("scaling", pd.Series(dtype=float))
    found: dict[tuple[str, object], pd.Series] = {}
    moved = _moving(view, setpoints)
    for table, name, index in moved.columns:
        if name == "p_mw" and table != "dcline":
            scaling = float(scalings.get(index, 1.0)) if table == "storage" else 1.0
            sign = -1.0 if table in _FEEDING else 1.0
            found[str(table), index] = sign * scaling * moved[table, name, index].astype(float)
    if len(found) > _MOST:
        kinds: dict[str, pd.Series] = {}
        for (table, _), power in found.items():
            kind = _KINDS.get(table, table)
            kinds[kind] = kinds[kind] + power if kind in kinds else power
        return pd.DataFrame(kinds)
    return pd.DataFrame({view.labels.of(*key): power for key, power in found.items()})


def following(view: FlexibilityView) -> go.Figure:
    """Import asked for and import in AC [MW], power of every device [MW], and energy of every storage [MWh].

    The traces of each example carry its name in their meta, and the first is shown.
    """
    check, names = view.check, example_names(view.check)
    if check is None or not names:
        raise NothingToDraw("check: examples is empty, so there is nothing to draw; validate the box first.")
    stored = len(view.flex.storages) > 0
    panels = [("import [MW]", "MW"), ("drawn (+)<br>fed in (−) [MW]", "MW"), ("stored [MWh]", "MWh")]
    shares = [0.4, 0.34, 0.26] if stored else [0.55, 0.45]
    day = DayFigure(view.clock, panels[: len(shares)], 760 if stored else 560, shares=shares)
    band = view.flex.box.astype(float)
    day.band(0, band["lower_mw"], band["upper_mw"], "box", style.AFTER, 0.16)
    for day.choice, key in names.items():
        _imports(view, day, check.examples[key].reindex(band.index))
        setpoints = check.example_setpoints
        if not setpoints.empty and key in setpoints.index.get_level_values(0):
            _devices(view, day, setpoints.xs(key, level=0).reindex(band.index), stored)
    day.axis(1, zerolinecolor=style.INK)
    if stored:
        day.axis(2, rangemode="tozero", zeroline=False)
    return day.done()


def _imports(view: FlexibilityView, day: DayFigure, table: pd.DataFrame) -> None:
    """Draw what was asked for as a line, what AC power flow gives as dots on it."""
    wanted, got = (table[c].to_numpy(dtype=float) for c in ("wanted_mw", "import_mw"))
    day.stairs(0, wanted, "asked for", line(style.INK, 2.0))
    day.dots(0, got, "in AC", {"color": style.LIMIT, "size": 7 if len(got) <= 48 else 4})
    told = [
        f"<b>{t}</b><br>asked for {fixed(a, 4, 'MW')}<br>AC {fixed(b, 4, 'MW')}, off by {fixed(1e3 * (b - a), 2, 'kW')}"
        for t, a, b in zip(view.clock.texts, wanted, got, strict=True)
    ]
    day.fig.data[-2].update(hoverinfo="skip", hovertemplate=None)
    day.fig.data[-1].update(hovertext=told, hoverinfo="text", hovertemplate=None)


def _devices(view: FlexibilityView, day: DayFigure, setpoints: pd.DataFrame, stored: bool) -> None:
    """Stacked power of the devices, and the energy of each storage in the colour of its bars; of many, their sum."""
    powers = device_powers(view, setpoints)
    tints = {str(name): style.PALETTE[k % len(style.PALETTE)] for k, name in enumerate(powers)}
    for name, tint in tints.items():
        day.bars(1, powers[name], name, tint)
    if not stored:
        return
    energy, starts = view.flex.stored_energy(setpoints), view.flex.storages["start_mwh"].astype(float)
    lines = {view.labels.of("storage", s): (float(starts[s]), energy[s]) for s in energy.columns}
    if lines and not set(lines) <= set(tints):
        lines = {_KINDS["storage"]: (float(starts.sum()), energy.sum(axis=1))}
    for name, (start, values) in lines.items():
        day.level(2, start, values, name, line(tints.get(name, style.MUTED), 2.2))


def following_words(view: FlexibilityView) -> str:
    """Say what the examples are, and how many of them are shown."""
    assert view.check is not None
    total = len(set(view.check.examples.columns.get_level_values(0)))
    more = f" ({_MOST_EXAMPLES} of {total} are shown)" if total > _MOST_EXAMPLES else ""
    return (
        f"Trajectories inside the box, each followed hour by hour{more}: what was asked for and what AC power flow "
        "gives, the power of every device that moves, and the stored energy."
    )


def example_choice(view: FlexibilityView) -> list[Html]:
    """Buttons to choose an example; nothing where there is one."""
    names = list(example_names(view.check))
    return [page.bar(page.toggle(f"following{view.suffix}", names, "Show"))] if len(names) > 1 else []


def example_table(view: FlexibilityView) -> list[Html]:
    """Set-points of the first example as numbers, unless they are too many."""
    assert view.check is not None
    for name, key in list(example_names(view.check).items())[:1]:
        if view.check.example_setpoints.empty:
            break
        setpoints = _moving(view, view.check.example_setpoints.xs(key, level=0))
        units = {"mw": "MW", "mvar": "Mvar"}
        head = ["when", *(f"{view.labels.of(table, index)}, {' '.join(words)} [{units.get(unit, unit)}]"
                          for table, column, index in setpoints.columns
                          for *words, unit in [column.split("_")])]  # fmt: skip
        rows = [[view.clock.text(t), *(fixed(v, 3) for v in row)]
                for t, row in zip(setpoints.index, np.asarray(setpoints, dtype=float), strict=True)]  # fmt: skip
        if len(head) <= _MOST_COLUMNS:
            return [page.details(f"Set-points of {name}", page.table(head, rows, head[1:]))]
    return []
