"""Figures of large nets made small: what several traces or figures of a page draw alike is kept once.

A map draws each branch in several colourings, and before and after; what it tells at the pointer is the same in both.
Lines become numbers of segments in a pool, long lists of texts become names; the page's script puts both back.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from base64 import b64decode, b64encode
from itertools import pairwise
from typing import Any

import numpy as np

from adnflex.arrays import FloatArray

#: Figures with more text than this are taken apart [characters].
LARGE = 200_000
_MOST_TEXTS = 500
# Parts of the extent of a drawing that are told apart: finer than a screen, zoomed in twenty times.
_GRID = 16_000

_Segment = tuple[tuple[float, ...], tuple[float, ...]]


def taken_apart(content: dict[str, Any]) -> dict[str, str]:
    """Replace, in a figure, long texts and lines by names of what is kept once; return that, packed, by its name.

    Examples
    --------
    >>> line = {"mode": "lines", "x": {"dtype": "f4", "bdata": "AAAAAAAAgD8AAMB/"}}
    >>> figure = {"data": [line | {"y": line["x"]}, line | {"y": line["x"]}]}
    >>> kept = taken_apart(figure)
    >>> len(kept), [trace["x"]["rows"] for trace in figure["data"]]
    (1, [[0], [0]])
    """
    kept: dict[str, str] = {}
    for trace in content["data"]:
        texts = trace.get("hovertext")
        if isinstance(texts, list) and len(texts) > _MOST_TEXTS:
            trace["hovertext"] = {"shared": _keep(texts, kept)}
    drawn = [(trace, _numbers(trace["x"]), _numbers(trace["y"])) for trace in content["data"] if _is_line(trace)]
    if drawn:
        _pooled(drawn, kept)
    for trace in content["data"]:
        for letter in "xy":
            if _is_single(trace.get(letter)) and len(trace[letter]["bdata"]) > _MOST_TEXTS:
                values = _numbers(trace[letter])
                told = [None if v != v else v for v in np.round(values, _digits(values)).tolist()]
                trace[letter] = {"shared": _keep(told, kept)}
    return kept


def packed(text: str) -> str:
    """Text in gzip in base64, as the page's script unpacks it."""
    return b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


def _pooled(drawn: list[tuple[dict[str, Any], FloatArray, FloatArray]], kept: dict[str, str]) -> None:
    """Make lines of traces numbers of segments of one pool."""
    digits = _digits(np.concatenate([part for _, x, y in drawn for part in (x, y)]))
    cut = [(trace, _segments(x, y, digits)) for trace, x, y in drawn]
    pool = sorted({segment for _, segments in cut for segment in segments})
    place = {segment: k for k, segment in enumerate(pool)}
    name = _keep({"x": [x for x, _ in pool], "y": [y for _, y in pool]}, kept)
    for trace, segments in cut:
        trace["x"] = {"shared": name, "rows": [place[segment] for segment in segments]}
        del trace["y"]


def _keep(value: Any, kept: dict[str, str]) -> str:
    """Put a value among what is kept, under a name that follows from it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    name = f"shared-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    kept[name] = packed(text)
    return name


def _is_line(trace: dict[str, Any]) -> bool:
    """Whether a trace is a line of numbers in single precision."""
    return trace.get("mode") == "lines" and _is_single(trace.get("x")) and _is_single(trace.get("y"))


def _is_single(array: Any) -> bool:
    return isinstance(array, dict) and array.get("dtype") == "f4"


def _numbers(array: dict[str, str]) -> FloatArray:
    return np.frombuffer(b64decode(array["bdata"]), dtype="<f4").astype(float)


def _digits(values: FloatArray) -> int:
    """Decimals to which numbers are rounded."""
    known = values[np.isfinite(values)]
    extent = float(np.ptp(known)) if len(known) else 0.0
    return max(0, -math.floor(math.log10(extent / _GRID))) if extent > 0 else 6


def _segments(x: FloatArray, y: FloatArray, digits: int) -> list[_Segment]:
    """Pieces of a line between its gaps, rounded."""
    gaps = [-1, *np.flatnonzero(np.isnan(x)).tolist(), len(x)]
    xs, ys = (np.round(values, digits).tolist() for values in (x, y))
    pieces = [(tuple(xs[a + 1 : b]), tuple(ys[a + 1 : b])) for a, b in pairwise(gaps)]
    return [piece for piece in pieces if piece[0]]
