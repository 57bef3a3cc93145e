"""Published figures beside ours: a plan carries them in ``options["published"]``, with the source where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adnflex.reporting import page
from adnflex.reporting.page import Html
from adnflex.reporting.text import cell, dash, number


def of_study(options: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Find the published figures of a study: a mapping of quantities, or one of studies each with such a mapping.

    Examples
    --------
    >>> of_study({"published": {"2": {"cost": 5.0}}}, "study 2", "2")
    {'cost': 5.0}
    """
    found = options.get("published")
    if not isinstance(found, Mapping):
        return {}
    if not any(isinstance(v, Mapping) for v in found.values()):
        return found
    mine: object = next((found[name] for name in names if name in found), {})
    return mine if isinstance(mine, Mapping) else {}


def beside_published(of: str, rows: Iterable[tuple[str, str, Any, Any]], sources: Iterable[str]) -> list[Html]:
    """Table of ours beside theirs, each row of whom, quantity, both values; nothing where there are none.

    Parameters
    ----------
    of : str
        Head of the first column.
    rows : iterable of tuple
        The rows.
    sources : iterable of str
        Where they stand.
    """
    told = [[whose, quantity, _told(ours), _told(theirs)] for whose, quantity, ours, theirs in rows]
    if not told:
        return []
    where = "; ".join(dict.fromkeys(sources))
    note = [page.paragraph(f"Published: {where}.", "small")] if where else []
    table = page.table([of, "quantity", "ours", "published"], told, ["ours", "published"])
    return [page.heading("Beside published figures"), table, *note]


def _told(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value) or dash
    return number(float(value), digits=4) if isinstance(value, int | float) else cell(value)
