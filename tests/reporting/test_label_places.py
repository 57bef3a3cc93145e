"""Labels beside signs: none covers another where there is room, and never more than the one fixed place would."""

from __future__ import annotations

import numpy as np
import pytest

from adnflex.reporting.canvas import label_places as module
from adnflex.reporting.canvas.label_places import label_places


def boxes(signs, texts, places):
    away = {word: (right, up) for word, right, up in module._PLACES}
    found = []
    for (x, y), text, place in zip(signs, texts, places, strict=True):
        width, (right, up) = module._LETTER * len(text), away[place]
        middle = x + right * (module._AWAY + width / 2), y + up * (module._AWAY + module._LINE / 2)
        found.append(module._box(*middle, width, module._LINE))
    return found


def covered(found) -> float:
    every = [module._covered(a, np.array([b])) for k, a in enumerate(found) for b in found[:k]]
    return float(sum(every))


@pytest.mark.parametrize("seed", range(8))
def test_labels_cover_less_than_in_one_place(seed):
    rng = np.random.default_rng(seed)
    signs = rng.uniform(0, 300, (16, 2))
    texts = [f"line {k * 37}" for k in range(16)]
    fixed = covered(boxes(signs, texts, ["bottom center"] * 16))
    assert covered(boxes(signs, texts, label_places(signs, texts))) <= 0.25 * fixed


def test_pairs_of_neighbours_never_cover_each_other():
    for dx in range(-20, 21, 5):
        for dy in range(-20, 21, 5):
            signs, texts = np.array([[0.0, 0.0], [dx, dy]]), ["line 188", "line 189"]
            assert covered(boxes(signs, texts, label_places(signs, texts))) == 0
