"""What a figure shows in one sentence, for readers who hear the page: what is drawn, over what, from where to where."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from plotly import graph_objects as go

_MOST_NAMES = 8
_AXES = (("y", "Up"), ("x", "Across"))


def spoken(fig: go.Figure, title: str) -> str:
    """Say what a figure shows; one that knows it better has it as ``spoken`` in the meta of its layout.

    Examples
    --------
    >>> drawn = go.Figure(go.Scatter(x=[0, 1], y=[2.0, 3.5], name="losses"), {"yaxis_title_text": "losses [kW]"})
    >>> spoken(drawn, "Losses")
    'Losses. Shown: losses. Up: losses [kW], from 2 to 3.5.'
    """
    meta = fig.layout.meta or {}
    if meta.get("spoken"):
        return f"{title}. {meta['spoken']}"
    names = list(dict.fromkeys(_plain(t.name) for t in fig.data if t.name and t.showlegend is not False))
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    told = [f"Shown: {', '.join(names[:_MOST_NAMES])}{more}."] if names else []
    told += [f"{word}: {each}." for letter, word in _AXES for each in _along(fig, letter)]
    return " ".join([f"{title}.", *told])


def _along(fig: go.Figure, letter: str) -> list[str]:
    """Say title and range of each axis of a direction that has a title."""
    found = []
    for axis in fig.select_xaxes() if letter == "x" else fig.select_yaxes():
        if not axis.title.text:
            continue
        short = axis.plotly_name.replace("axis", "")
        values = [v for t in fig.data if (t[f"{letter}axis"] or letter) == short for v in _numbers(t[letter])]
        span = f", from {min(values):.4g} to {max(values):.4g}" if values else ""
        found.append(_plain(axis.title.text) + span)
    return found


def _numbers(values: Any) -> list[float]:
    """Finite numbers among what a trace draws; none of names and times."""
    try:
        known = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return []
    return [float(v) for v in known[np.isfinite(known)].ravel()] if known.ndim else []


def _plain(text: str) -> str:
    """Text without its marks."""
    return re.sub(r"<[^>]*>", " ", text).replace("  ", " ").strip()
