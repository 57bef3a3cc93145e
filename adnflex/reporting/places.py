"""Cells of the report's tables: places in the net by their labels, values with their units."""

from __future__ import annotations

from adnflex.reporting.inputs import Drawn, has_drawing
from adnflex.reporting.text import branch_label, bus_label, dash, fixed, number

__all__ = ["ends", "place", "text", "values"]


def text(value: object) -> str:
    """Text of a cell; a dash where there is nothing."""
    text = "" if value is None or value != value else str(value).strip()
    return text if text and text.lower() != "nan" else dash


def place(plan: Drawn, element: object, index: object) -> str:
    """Bus or branch by its label; a dash where there is none."""
    if index is None or index != index or element is None or element != element:
        return dash
    try:
        place = int(float(str(index)))
    except ValueError:  # a quantity of the whole net has no place
        return dash
    if str(element) == "bus":
        names = plan.coordinates.get("name", {})
        return bus_label(place, names.get(place, ""))
    name: object = ""
    if len(plan.topology):
        found = plan.topology[(plan.topology["element"] == element) & (plan.topology["index"] == place)]
        name = found["name"].iloc[0] if len(found) else ""
    return branch_label(str(element), place, name)


def ends(plan: Drawn, a: int, b: int) -> str:
    """Both buses of a branch."""
    return f"{place(plan, 'bus', a)} – {place(plan, 'bus', b)}" if has_drawing(plan) else f"bus {a} – bus {b}"


def values(unit: str, *values: float) -> list[str]:
    """Values of one kind of limit with its unit."""
    decimals = {"pu": 4, "%": 1}.get(unit)
    return [number(v, unit) if decimals is None else fixed(v, decimals, unit) for v in values]
