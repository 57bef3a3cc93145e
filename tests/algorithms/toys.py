"""Small searches."""

from __future__ import annotations

from types import SimpleNamespace


def tree(relax, split, leaf, incumbent):
    """Return a search of the integers from 0 to 15."""
    return SimpleNamespace(
        root=(0, 15),
        relax=relax,
        brief=lambda node, cutoff: node,
        split=split,
        leaf=leaf,
        heuristic=lambda point, count: None,
        incumbent=incumbent,
    )
