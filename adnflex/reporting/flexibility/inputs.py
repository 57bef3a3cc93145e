"""Inputs of a box: its storages, and the range of every series used."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from adnflex.reporting import page
from adnflex.reporting.flexibility.view import FlexibilityView
from adnflex.reporting.page import Html
from adnflex.reporting.text import fixed, number, percent

_MOST_ROWS = 400


def storages(view: FlexibilityView) -> list[Html]:
    """Storages as the model has them."""
    table = view.flex.storages
    if table.empty:
        return []

    def part(column: str) -> Callable[[pd.Series], str]:
        return lambda row: percent(100 * float(row.get(column, math.nan)))

    columns: dict[str, Callable[[pd.Series], str]] = {
        "storage": lambda row: view.labels.of("storage", row.name),
        ">at the start": lambda row: fixed(row.get("start_mwh"), 3, "MWh"),
        ">charging efficiency": part("charging"),
        ">discharging efficiency": part("discharging"),
        ">left after a period": part("keep"),
    }
    listed = page.listing([row for _, row in table.iterrows()], columns)
    return [page.details(f"The {len(table)} storages", *listed)]


def series(view: FlexibilityView) -> list[Html]:
    """Range of every series used."""
    table = view.flex.inputs
    if table.empty or not len(table.columns):
        return []
    rows = []
    for column in table.columns:
        key = column if isinstance(column, tuple) else (column,)
        values = pd.to_numeric(table[column], errors="coerce")
        name = view.labels.of(key[0], key[-1]) if len(key) == 3 else " ".join(map(str, key))
        what = str(key[1]) if len(key) == 3 else ""
        rows.append([name, what, *(number(float(f), digits=4) for f in (values.min(), values.mean(), values.max()))])
    columns = ["series", "column", "lowest", "mean", "highest"]
    return [page.details(f"The {len(rows)} input series", page.table(columns, rows[:_MOST_ROWS], columns[2:]))]
