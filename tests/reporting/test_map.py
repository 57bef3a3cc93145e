"""Maps of nets of any size: feeders by colour, steps by number, what changes in small, large ones small in the file."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from plotly import graph_objects as go

from adnflex.reporting import page
from adnflex.reporting.canvas.map import MapFigure
from adnflex.reporting.canvas.supply import supply_areas
from adnflex.reporting.canvas.zoom import windows
from adnflex.reporting.packing import LARGE, taken_apart


def grid(side: int, roots: int = 2, operated: int = 3):
    """Drawing tables of rows of buses that hang on the first column, and ties between rows."""
    number = np.arange(side * side).reshape(side, side)
    down = [(int(a), int(b)) for a, b in zip(number[:-1, 0], number[1:, 0], strict=True)]
    along = [(int(a), int(b)) for row in number for a, b in pairwise(row)]
    ties = [(int(number[k, -1]), int(number[k + 1, -1])) for k in range(side - 1)]
    rows = [(a, b, True, True) for a, b in down + along] + [
        (a, b, False, k < operated) for k, (a, b) in enumerate(ties)
    ]
    table = pd.DataFrame(rows, columns=["from_bus", "to_bus", "closed_before", "closed_after"])
    table = table.assign(element="line", index=range(len(table)), name="", switchable=True, length_km=1.0)
    for k in range(operated):  # where a tie is closed the row's last line is opened
        table.loc[(table["from_bus"] == number[k, -2]) & (table["to_bus"] == number[k, -1]), "closed_after"] = False
    x, y = np.meshgrid(np.arange(side, dtype=float), np.arange(side, dtype=float))
    kinds = ["root" if k in number[:: max(side // roots, 1), 0][:roots] else "bus" for k in range(side * side)]
    buses = pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "name": "", "vn_kv": 20.0, "kind": kinds, "p_mw": 0.1})
    return table, buses.assign(origin="geo").rename_axis("bus")


def text_of(fig: go.Figure) -> str:
    return " ".join(str(word) for trace in fig.data if trace.text is not None for word in trace.text)


def test_feeders_are_the_ways_on_from_where_a_source_divides():
    topology, buses = grid(6)
    areas = supply_areas(topology, buses, "before")
    of_bus = areas.of_bus.to_numpy().reshape(6, 6)
    for row in of_bus:
        assert len(set(row[1:])) == 1  # a row is fed over one line
    assert set(of_bus.ravel()) <= {-1, *range(len(areas.names))}
    assert all(name.startswith("line ") for name in areas.names)
    dark = supply_areas(topology, buses.assign(kind="bus"), "before")
    assert (dark.of_bus == -2).all()
    assert dark.name(-2) == "without supply"


@pytest.mark.parametrize("side", [4, 20])
def test_steps_stand_before_the_names_of_what_is_operated(side):
    topology, buses = grid(side)
    operated = topology[topology["closed_before"] != topology["closed_after"]]
    steps = {("line", int(i)): str(k) for k, i in enumerate(operated["index"], start=1)}
    told = text_of(MapFigure(topology, buses, steps=steps).done())
    for (element, index), step in steps.items():
        assert f"<b>{step}: {element} {index}</b>" in told


def test_of_very_many_operations_only_the_steps_are_named():
    topology, buses = grid(20, operated=15)
    operated = topology[topology["closed_before"] != topology["closed_after"]]
    steps = {("line", int(i)): str(k) for k, i in enumerate(operated["index"], start=1)}
    told = text_of(MapFigure(topology, buses, steps=steps).done())
    assert "<b>30</b>" in told
    assert "line" not in told


def test_what_changes_is_shown_nearer_in_nets_that_are_too_large_to_read():
    topology, buses = grid(20)
    found = windows(topology, buses)
    operated = topology[topology["closed_before"] != topology["closed_after"]]
    shown = [window.within(topology, buses) for window in found]
    seen = {int(i) for part, _ in shown for i in part["index"]}
    assert set(operated["index"]) <= seen
    assert all(len(part) < len(buses) / 2 for _, part in shown)
    assert not windows(*grid(6))
    assert not windows(topology.assign(closed_after=topology["closed_before"]), buses)


def test_a_window_has_the_colours_of_the_whole():
    topology, buses = grid(20)
    vm = pd.DataFrame({"vm_after_pu": np.linspace(0.95, 1.0, len(buses))}, index=buses.index)
    whole = MapFigure(topology, buses, voltages=vm)
    part = MapFigure(topology, buses, voltages=vm, window=windows(topology, buses)[0])
    assert len(part.buses) < len(whole.buses)
    assert part.colourings["voltage"].limits == whole.colourings["voltage"].limits


def test_large_maps_have_no_marks_of_buses_but_tell_them():
    topology, buses = grid(50)
    fig = MapFigure(topology, buses).done()
    assert max(len(t.x) for t in fig.data if t.mode and "markers" in t.mode and t.x is not None) < 100
    assert sum(len(t.hovertext) for t in fig.data if t.hovertext is not None) == len(topology) + len(buses)


def expanded(trace, kept):
    """What the page's script makes of a trace."""
    name = trace["x"]["shared"]
    value = json.loads(gzip.decompress(b64decode(kept[name])))
    if "rows" not in trace["x"]:
        return value, json.loads(gzip.decompress(b64decode(kept[trace["y"]["shared"]])))
    parts = [[(*value[c][row], None) for row in trace["x"]["rows"]] for c in "xy"]
    return tuple([v for piece in part for v in piece] for part in parts)


def test_what_figures_share_is_kept_once_and_comes_back():
    topology, buses = grid(45)
    figures = [MapFigure(topology, buses, state).done() for state in ("before", "after")]
    contents = [json.loads(fig.to_json(engine="json")) for fig in figures]
    assert all(len(json.dumps(content)) > LARGE for content in contents)
    kept = [taken_apart(content) for content in contents]
    assert set(kept[0]) & set(kept[1])  # what is told at the pointer, and places
    for fig, content, own in zip(figures, contents, kept, strict=True):
        for drawn, trace in zip(fig.data, content["data"], strict=True):
            if isinstance(trace.get("x"), dict) and "shared" in trace["x"]:
                for told, meant in zip(expanded(trace, own), (drawn.x, drawn.y), strict=True):
                    told = np.array(told, dtype=float)
                    np.testing.assert_allclose(told[~np.isnan(told)], meant[~np.isnan(meant)], atol=45 / 16_000)
    one = page.figure(figures[0], "a")
    both = page.render(
        page.Page("T", "", page.Banner("pass", "P", ""), [], [page.Section("s", "S", "", [one, replace_id(one)])])
    )
    assert both.count('id="shared-') == len(kept[0])


def replace_id(block):
    return page.Html(block.replace('id="a', 'id="b'))


def test_maps_say_what_they_show():
    topology, buses = grid(6)
    spoken = MapFigure(topology, buses).done().layout.meta["spoken"]
    assert spoken.startswith("Map of the network after the plan: 36 buses; 35 branches closed; ")
    assert "closed by the plan: line" in spoken
