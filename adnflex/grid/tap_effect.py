"""Whether power flow feels a tap: decided by what pandapower's converter makes of one step, and by nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.grid.checks import shorten
from adnflex.grid.ppc import branch_values

# The two tap changers of a transformer, as prefixes of its columns.
_CHANGERS = ("tap", "tap2")


def feels_tap(study: pandapowerNet, trafo: int, changer: str = "tap") -> bool:
    """Tell whether one step of a transformer's tap changer changes what power flow uses.

    Parameters
    ----------
    study : pandapowerNet
        A converted private copy (see `adnflex.grid.ppc.matrices`).
    trafo : int
        Index in ``net.trafo``.
    changer : str
        ``"tap"`` or ``"tap2"``, the first part of the names of its columns.
    """
    # by itself: other positions play no part, unless they share a table
    row = study.trafo.loc[[trafo]]
    present = branch_values(study, row)
    return any(_differs(present, branch_values(study, _moved(row, changer, step))) for step in (1, -1))


def _moved(row: pd.DataFrame, changer: str, step: int) -> pd.DataFrame:
    return row.assign(**{f"{changer}_pos": row[f"{changer}_pos"] + step})


def _differs(a: np.ndarray, b: np.ndarray) -> bool:
    return not np.allclose(a, b, rtol=1e-12, atol=1e-14, equal_nan=True)


def tap_notes(study: pandapowerNet) -> list[str]:
    """Name every tap position that power flow ignores or takes for another one, and why.

    Parameters
    ----------
    study : pandapowerNet
        A converted private copy (see `adnflex.grid.ppc.matrices`).
    """
    trafo = study.trafo[study.trafo["in_service"].to_numpy(dtype=bool)]
    groups: dict[str, list[int]] = {}
    for changer in _CHANGERS:
        for i, why in _unfelt(study, trafo, changer).items():
            groups.setdefault(why, []).append(i)
    found = [
        f"trafo {shorten(rows)}: {why}, so pandapower power flow ignores the tap, and so does this plan."
        for why, rows in groups.items()
    ]
    return [*found, *_table_notes(study, trafo), *_splines(trafo)]


def _unfelt(study: pandapowerNet, trafo: pd.DataFrame, changer: str) -> dict[int, str]:
    """Reason for every transformer whose position means something to its owner and nothing to power flow."""
    if f"{changer}_pos" not in trafo.columns:
        return {}
    columns = {c: trafo[f"{changer}_{c}"] if f"{changer}_{c}" in trafo.columns else None for c in _TAP_COLUMNS}
    position, neutral = (
        pd.to_numeric(columns[c], errors="coerce") for c in ("pos", "neutral") if columns[c] is not None
    )
    away = position.notna() & ~(position == neutral)
    lost = position.isna() & neutral.notna() & _has_step(columns["step_percent"], trafo.index)
    found: dict[int, str] = {
        int(i): f"{changer}_pos is missing" for i in trafo.index[lost.to_numpy()] if _is_live(trafo, changer, i)
    }
    suspects = trafo.loc[away.to_numpy()]
    if not len(suspects):
        return found
    present = branch_values(study, suspects)
    for k, i in enumerate(suspects.index):
        row = suspects.loc[[i]]
        if not feels_tap(study, int(i), changer):
            found[int(i)] = _reason(row.iloc[0], changer)
        elif _differs(branch_values(study, row), present[:, [k]]):
            found[int(i)] = (
                f"it shares id_characteristic_table {row['id_characteristic_table'].iloc[0]} with a transformer at "
                f"another {changer}_pos and is given the values of that position"
            )
    return found


_TAP_COLUMNS = ("pos", "neutral", "step_percent")


def _has_step(column: pd.Series | None, index: pd.Index) -> pd.Series:
    if column is None:
        return pd.Series(False, index=index)
    return pd.to_numeric(column, errors="coerce").fillna(0.0) != 0


def _is_live(trafo: pd.DataFrame, changer: str, i: object) -> bool:
    """Whether the transformer is said to have a tap changer of some type."""
    return f"{changer}_changer_type" in trafo.columns and isinstance(trafo.at[i, f"{changer}_changer_type"], str)


def _reason(row: pd.Series, changer: str) -> str:
    """Say why a position does nothing."""
    kind = row.get(f"{changer}_changer_type")
    lacking = [
        f"{changer}_{c}"
        for c in ("changer_type", "side", "neutral", "step_percent")
        if pd.isna(row.get(f"{changer}_{c}")) and not (c == "step_percent" and _number(row, f"{changer}_step_degree"))
    ]
    if lacking:
        advice = f"; set {changer}_changer_type='Ratio' if the tap is real" if lacking[0].endswith("type") else ""
        return f"{changer}_pos is {row[f'{changer}_pos']:g} but {' and '.join(lacking)} is missing{advice}"
    if kind not in ("Ratio", "Symmetrical", "Ideal"):
        return f"{changer}_pos is {row[f'{changer}_pos']:g} but {changer}_changer_type is {kind!r} without a table"
    return f"{changer}_pos is {row[f'{changer}_pos']:g} but a step of {changer}_step_percent 0 does nothing"


def _number(row: pd.Series, column: str) -> bool:
    value = row.get(column)
    return value is not None and not pd.isna(value) and float(value) != 0


def _table_notes(study: pandapowerNet, trafo: pd.DataFrame) -> list[str]:
    """Positions that their own table does not list: power flow then takes 1 for everything in it."""
    table = study.get("trafo_characteristic_table")
    if "tap_dependency_table" not in trafo.columns or table is None or not len(table):
        return []
    rows = trafo[trafo["tap_dependency_table"].fillna(False).astype(bool).to_numpy()]
    known = set(zip(table["id_characteristic"], table["step"], strict=True))
    absent = [i for i, key, pos in rows[["id_characteristic_table", "tap_pos"]].itertuples() if (key, pos) not in known]
    if not absent:
        return []
    return [
        f"trafo {shorten(absent)}: net.trafo_characteristic_table has no row for its tap_pos, so pandapower power flow "
        "takes vk_percent 1, vkr_percent 1, no change of ratio and a shift of 1 degree, and so does this plan; add the "
        "row, or set tap_dependency_table to False."
    ]


def _splines(trafo: pd.DataFrame) -> list[str]:
    """Impedances by spline, which pandapower 3 reads only from nets without the column of the tables."""
    if "tap_dependency_table" not in trafo.columns or "tap_dependent_impedance" not in trafo.columns:
        return []
    old = trafo["tap_dependent_impedance"].fillna(False).astype(bool)
    old &= ~trafo["tap_dependency_table"].fillna(False).astype(bool)
    rows = trafo.index[old.to_numpy()]
    if not len(rows):
        return []
    return [
        f"trafo {shorten(rows)}: tap_dependent_impedance is True, but pandapower power flow reads "
        "tap_dependency_table instead, which is False, so the impedance does not depend on the tap, here neither."
    ]
