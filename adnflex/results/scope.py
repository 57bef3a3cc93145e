"""What a verdict looked at, and what not: operating points, kinds of limits, and what has none."""

from __future__ import annotations

import math

import pandas as pd

#: Ratings that give loadings below this everywhere are placeholders [%]: converted cases often carry 99999 A.
PLACEHOLDER_LOADING = 2.0

#: What is said of them.
AS_PLACEHOLDERS = f"below {PLACEHOLDER_LOADING:g} % everywhere, as with placeholders for ratings"

_WORDS = {"trafo": "transformer"}

_NONE = pd.Series(dtype=float)

# What no verdict here looks at.
NEVER = "short circuit and protection"


def looked_at(points: str, limits: pd.DataFrame, loadings: pd.Series = _NONE, allowed: pd.Series = _NONE) -> str:
    r"""Say at which operating points which limits were looked at, and how far goes what has no limit.

    Parameters
    ----------
    points : str
        The operating points.
    limits : pandas.DataFrame
        Kinds of limits with how many were ``checked``.
    loadings, allowed : pandas.Series
        Highest loading of lines and transformers and its limit, NaN for none [%], by element and index; left out where
        no loading is known by its place.

    Examples
    --------
    >>> limits = pd.DataFrame({"kind": ["voltage low", "voltage high"], "checked": [14, 14]})
    >>> places = pd.MultiIndex.from_tuples([("line", 3), ("trafo", 142)], names=["element", "index"])
    >>> none = pd.Series(math.nan, index=places)
    >>> told = looked_at("one operating point", limits, pd.Series([20.0, 94.5], index=places), none)
    >>> print(told.replace(". ", ".\n"))
    Looked at: one operating point; limits of voltage at 14 places.
    No loading limit is set: transformer 142 reaches 94.5 %.
    Not looked at: short circuit and protection.
    """
    known = limits.reindex(columns=["kind", "checked"])
    kinds = {str(kind): int(count) for kind, count in zip(known["kind"], known["checked"], strict=True)}
    voltage = max(kinds.get("voltage low", 0), kinds.get("voltage high", 0))
    told = [f"voltage at {voltage} places"] if voltage else []
    told += [f"{kind} at {count} places" for kind, count in kinds.items() if not kind.startswith("voltage") and count]
    of = f"limits of {', '.join(told)}" if told else "no limit"
    return f"Looked at: {points}; {of}. {_unlimited(loadings, allowed)}Not looked at: {NEVER}."


def looked_at_each(points: str, loadings: pd.Series) -> str:
    r"""Say the same of states that are held against all limits that there are, of which no table is kept.

    Examples
    --------
    >>> print(looked_at_each("3 states", pd.Series([20.0, 61.2])).replace(". ", ".\n"))
    Looked at: 3 states; every limit of the net and of the request in each, the highest loading is 61.2 %.
    Not looked at: short circuit and protection.
    """
    highest = loadings.astype(float).max() if len(loadings) else math.nan
    told = "" if math.isnan(highest) else f", the highest loading is {highest:.1f} %"
    if highest < PLACEHOLDER_LOADING:
        told = f", loadings stay {AS_PLACEHOLDERS}"
    return f"Looked at: {points}; every limit of the net and of the request in each{told}. Not looked at: {NEVER}."


def _unlimited(loadings: pd.Series, allowed: pd.Series) -> str:
    """Say how far goes the loading of what has no limit; nothing where all have one."""
    known = loadings.astype(float).dropna()
    free = known[allowed.reindex(known.index).astype(float).isna()]
    if free.empty:
        return ""
    element, index = free.idxmax()
    highest = float(free.max())
    whose = "No loading limit is set" if len(free) == len(known) else f"{len(free)} branches have no loading limit"
    if known.max() < PLACEHOLDER_LOADING:
        return f"{whose}, and loadings stay {AS_PLACEHOLDERS}. "
    return f"{whose}: {_WORDS.get(str(element), element)} {index} reaches {highest:.1f} %. "


def highest(table: pd.DataFrame) -> pd.Series:
    """Return the highest value of each column over all rows; NaN where there is none."""
    return table.astype(float).max() if len(table) else pd.Series(math.nan, index=table.columns)
