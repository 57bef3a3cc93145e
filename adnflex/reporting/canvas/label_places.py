"""Where labels stand beside their signs, so that they do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray

# Plotly's word for a place, and where the middle of the text is from the sign, in its own sizes and in pixels.
_PLACES: tuple[tuple[str, int, int], ...] = (
    ("bottom center", 0, -1),
    ("top center", 0, 1),
    ("middle right", 1, 0),
    ("middle left", -1, 0),
    ("bottom right", 1, -1),
    ("bottom left", -1, -1),
    ("top right", 1, 1),
    ("top left", -1, 1),
)
# Sizes [px]: of a letter and a line of text, from the middle of a sign to its text, and of a sign.
_LETTER, _LINE, _AWAY, _SIGN = 6.6, 14.0, 8.0, 14.0
# Names of buses beside labels of what is operated, points of a line, and letters of a name that is shown.
_SMALLER, _POINT, _LONGEST_NAME = 0.86, 5.0, 9


def label_places(
    signs: FloatArray,
    texts: Sequence[str],
    others: FloatArray | None = None,
    taken: Sequence[tuple[FloatArray, str, str]] = (),
    small: bool = False,
) -> list[str]:
    """Choose for every sign the first place whose text covers least of other signs and of texts before it.

    Parameters
    ----------
    signs : (n, 2) array
        Middle of the signs [px], y upwards.
    texts : sequence of str
        What stands beside each.
    others : (m, 2) array, optional
        Further points that had better not be covered [px].
    taken : sequence of (array, str, str)
        Labels that are there already: sign [px], text and place.
    small : bool
        Whether signs and letters are small, and a text that would cover another one is left out: its place is empty.

    Returns
    -------
    list of str
        Plotly's ``textposition`` of each.

    Examples
    --------
    >>> label_places(np.array([[0.0, 0.0], [0.0, -14.0], [200.0, 0.0]]), ["line 188", "line 189", "line 7"])
    ['top center', 'bottom center', 'bottom center']
    """
    size = _SMALLER if small else 1.0
    marks = np.array([_box(x, y, _SIGN * size, _SIGN * size) for x, y in signs]).reshape(-1, 4)
    along: FloatArray = np.zeros((0, 2)) if others is None else others
    points = np.array([_box(x, y, _POINT, _POINT) for x, y in along]).reshape(-1, 4)
    where = {place: (right, up) for place, right, up in _PLACES}
    boxes = [_text_box(sign, text, *where[place], 1.0) for sign, text, place in taken]
    chosen: list[str] = []
    for k, text in enumerate(texts):
        rest = np.vstack([np.delete(marks, k, axis=0), points])
        known = np.array(boxes).reshape(-1, 4)
        tried: list[tuple[float, int, str, FloatArray]] = []
        for place, right, up in _PLACES:
            box = _text_box(signs[k], text, right, up, size)
            tried.append((_covered(box, rest) + 4 * _covered(box, known), len(tried), place, box))
        _, _, place, box = min(tried, key=lambda found: found[:2])
        if small and _covered(box, known) > 0:
            chosen.append("")
            continue
        chosen.append(place)
        boxes.append(box)
    return chosen


def bus_names(buses: pd.DataFrame) -> list[str]:
    """Short names of buses where they have such, else their indices; names that are numbers would be mistaken."""
    found = []
    for index, name in buses["name"].items():
        told = str(name).strip()
        named = 0 < len(told) <= _LONGEST_NAME and any(sign.isalpha() for sign in told)
        found.append(escape(told) if named else str(index))
    return found


def _text_box(sign: FloatArray, text: str, right: int, up: int, size: float) -> FloatArray:
    """Box of a text beside a sign."""
    width = _LETTER * size * len(text)
    away = _AWAY * size
    return _box(sign[0] + right * (away + width / 2), sign[1] + up * (away + _LINE * size / 2), width, _LINE * size)


def _box(x: float, y: float, width: float, height: float) -> FloatArray:
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


def _covered(box: FloatArray, others: FloatArray) -> float:
    """Area that a box shares with others [px²]."""
    wide = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    high = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    return float((np.clip(wide, 0, None) * np.clip(high, 0, None)).sum())
