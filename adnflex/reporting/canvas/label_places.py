"""Where labels stand beside their signs, so that they do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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


def label_places(signs: FloatArray, texts: Sequence[str]) -> list[str]:
    """Choose for every sign the first place whose text covers least of other signs and of texts before it.

    Parameters
    ----------
    signs : (n, 2) array
        Middle of the signs [px], y upwards.
    texts : sequence of str
        What stands beside each.

    Returns
    -------
    list of str
        Plotly's ``textposition`` of each.

    Examples
    --------
    >>> label_places(np.array([[0.0, 0.0], [0.0, -14.0], [200.0, 0.0]]), ["line 188", "line 189", "line 7"])
    ['top center', 'bottom center', 'bottom center']
    """
    marks = [_box(x, y, _SIGN, _SIGN) for x, y in signs]
    chosen: list[str] = []
    boxes: list[FloatArray] = []
    for k, text in enumerate(texts):
        width = _LETTER * len(text)
        others = np.array([*marks[:k], *marks[k + 1 :], *boxes]).reshape(-1, 4)
        tried: list[tuple[float, int, str, FloatArray]] = []
        for place, right, up in _PLACES:
            x = signs[k, 0] + right * (_AWAY + width / 2)
            y = signs[k, 1] + up * (_AWAY + _LINE / 2)
            box = _box(x, y, width, _LINE)
            tried.append((float(_covered(box, others)), len(tried), place, box))
        _, _, place, box = min(tried, key=lambda found: found[:2])
        chosen.append(place)
        boxes.append(box)
    return chosen


def _box(x: float, y: float, width: float, height: float) -> FloatArray:
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


def _covered(box: FloatArray, others: FloatArray) -> float:
    """Area that a box shares with others [px²]."""
    wide = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    high = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    return float((np.clip(wide, 0, None) * np.clip(high, 0, None)).sum())
