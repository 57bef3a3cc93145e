"""Open a report of every kind in headless Chromium: its size, what a phone shows of it, its figures, its print.

    python validation/reports/run.py                # everything: some minutes; needs Chromium
    python validation/reports/run.py sequence big   # these kinds
    python validation/reports/run.py --page         # only the page

Width is that of the page in a window of 400 px: more would have to be moved sideways.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

import common  # noqa: E402

WIDTH, LARGEST = 400, 1_500_000
LIMIT = 600.0
# A window cannot be as narrow as a phone, a frame can.
FRAME = """<body style="margin:0"><pre id="told"></pre>
<iframe src="{page}" style="width:{wide}px;height:900px;border:0"></iframe><script>
setInterval(function () {{
  var told = document.getElementById("told"), inside = document.querySelector("iframe").contentDocument;
  if (told.textContent || inside.documentElement.dataset.figures !== "drawn") {{ return; }}
  told.textContent = ["told", inside.documentElement.scrollWidth, inside.querySelectorAll(".figure").length,
    inside.querySelectorAll(".figure .main-svg:first-of-type").length].join(" ");
}}, 300);</script>"""

LIMITS = {"vm_limits": (0.9, 1.1), "workers": 1, "time_limit": 30}


def _plan(net: Any, **more: Any) -> tuple[Any, Any, Any]:
    import adnflex

    plan = adnflex.reconfigure(net, **{**LIMITS, **more})
    return plan, adnflex.validate(plan, net), net


def reconfiguration() -> tuple[Any, Any, Any]:
    import pandapower.networks as pn

    return _plan(pn.mv_oberrhein(), vm_limits=(0.95, 1.05))


def tree() -> tuple[Any, Any, Any]:
    import pandapower.networks as pn

    net = pn.case33bw()
    net.bus["geo"] = None
    return _plan(net)


def failed() -> tuple[Any, Any, Any]:
    import pandapower.networks as pn

    import adnflex

    net = pn.case33bw()
    plan = adnflex.plan_from(net, open_lines=[6, 8, 13, 31, 36], vm_limits=(0.95, 1.05))
    return plan, adnflex.validate(plan, net), net


def nothing() -> tuple[Any, Any, Any]:
    import pandapower.networks as pn

    import adnflex

    net = pn.case33bw()
    try:
        adnflex.reconfigure(net, **{**LIMITS, "vm_limits": (0.97, 1.03)})
    except adnflex.errors.Infeasible as error:
        return error, None, net
    raise AssertionError("a plan was found")


def frontier() -> tuple[Any, Any, Any]:
    import pandapower.networks as pn

    import adnflex

    found = adnflex.operations_frontier(pn.case33bw(), [0, 2, 4], workers=1)
    return found, adnflex.validate(found, pn.case33bw()), pn.case33bw()


def day() -> tuple[Any, Any, Any]:
    import adnflex

    return _plan(adnflex.networks.load("ieee33_dispatch"), periods=range(8, 20), windows=6.0, max_operations=6)


def dispatch() -> tuple[Any, Any, Any]:
    import adnflex

    net = adnflex.networks.study(adnflex.networks.load("ieee33_dispatch"), "1")
    plan = adnflex.dispatch(net, periods=range(10, 20))
    return plan, adnflex.validate(plan, net), net


def stochastic() -> tuple[Any, Any, Any]:
    import adnflex

    net, hours = adnflex.networks.load("ieee33_dispatch"), range(10, 13)
    days = adnflex.draw_scenarios(
        net, periods=hours, sigma_percent={"PV": 5.0, "WP": 4.0}, vehicles={32: 300}, runs=10, count=60, keep=2, seed=1
    )
    plan = adnflex.dispatch(net, scenarios=days.few, periods=hours)
    return [days, plan], adnflex.validate(plan, net), net


def flexibility() -> tuple[Any, Any, Any]:
    import adnflex

    net = adnflex.networks.load("park33_flexibility")
    flex, best = adnflex.flexibility(net), adnflex.reconfigure_for_flexibility(net, time_limit=60)
    return [flex, best, adnflex.pq_region(net, periods=[10])], adnflex.validate(best, net), net


def rolling() -> tuple[Any, Any, Any]:
    import adnflex

    case = adnflex.RollingCase.load("rolling33")
    run = adnflex.schedule_rolling(case, policy="rollout", simulations=5, seed=1)
    compared = adnflex.compare_policies(case, ["own", "pool", "floor"], days=4, seed=1)
    return [run, compared], [adnflex.validate(run, case.net), None], case.net


def sequence() -> tuple[Any, Any, Any]:
    import adnflex

    plan, _, net = reconfiguration()
    steps = adnflex.switching_sequence(plan, net)
    return steps, adnflex.validate(steps, net), net


def restoration() -> tuple[Any, Any, Any]:
    import pandapower.networks as pn

    import adnflex

    net = pn.case33bw()
    one = adnflex.restore(net, ("line", 6), max_operations=3, vm_limits=(0.9, 1.1))
    return one, adnflex.validate(one, net), net


def outages() -> tuple[Any, Any, Any]:
    import pandapower.networks as pn

    import adnflex

    net = pn.case33bw()
    plan = adnflex.plan_from(net, open_lines=[6, 8, 13, 31, 36])
    return adnflex.contingencies(plan.apply(net), before=net, vm_limits=(0.9, 1.1)), None, net


def sweep() -> tuple[Any, Any, Any]:
    import pandapower.networks as pn

    import adnflex

    net = pn.case33bw()
    variants = {"low": {"scale": {"load": 0.8}}, "now": {}}
    with tempfile.TemporaryDirectory() as folder:
        found = adnflex.sweep({"33 buses": net}, variants, vm_limits=(0.9, 1.1), store=f"{folder}/runs", workers=1)
    return found, None, net


def big(side: int = 100) -> tuple[Any, Any, Any]:
    """Ten thousand buses in rows on a square, three ties exchanged."""
    import pandapower as pp

    import adnflex

    net = pp.create_empty_network(name="10,000 buses")
    at = [
        f'{{"type": "Point", "coordinates": [{1000 + 10 * x}, {1000 + 10 * y}]}}'
        for y in range(side)
        for x in range(side)
    ]
    pp.create_buses(net, side * side, 20.0)
    net.bus["geo"] = at
    pp.create_ext_grid(net, 0)
    ends = [(side * y, side * (y + 1)) for y in range(side - 1)]
    ends += [(side * y + x, side * y + x + 1) for y in range(side) for x in range(side - 1)]
    ties = [(side * (y + 1) - 1, side * (y + 2) - 1) for y in range(side - 1)]
    lines = pp.create_lines_from_parameters(net, *zip(*(ends + ties), strict=True), 0.1, 0.01, 0.01, 0.0, 5.0)
    first = len(ends)
    net.line.loc[lines[first:], "in_service"] = False
    pp.create_loads(net, range(1, side * side), 1e-4, 2e-5)
    moved = [20, 50, 80]
    rows = {first + y: side - 1 + (side - 1) * (y + 1) - 1 for y in moved}  # tie y instead of the end of row y
    opened = sorted({*range(first, len(lines))} - set(rows) | set(rows.values()))
    plan = adnflex.plan_from(net, open_lines=opened, vm_limits=(0.5, 1.5))
    return plan, adnflex.validate(plan, net), net


KINDS: dict[str, tuple[str, Callable[[], tuple[Any, Any, Any]]]] = {
    "reconfiguration": ("a switching plan, 179 buses", reconfiguration),
    "tree": ("a net without coordinates", tree),
    "failed": ("a plan that fails", failed),
    "nothing": ("nothing found", nothing),
    "frontier": ("what each operation saves", frontier),
    "day": ("topologies of a day", day),
    "dispatch": ("a dispatch", dispatch),
    "stochastic": ("scenarios and their dispatch", stochastic),
    "flexibility": ("boxes before and after, and a region", flexibility),
    "rolling": ("a rolling day and policies", rolling),
    "sequence": ("a switching sequence", sequence),
    "restoration": ("one outage", restoration),
    "outages": ("every outage", outages),
    "sweep": ("a sweep", sweep),
    "big": ("a switching plan, 10,000 buses", big),
}


def measured(key: str) -> common.Record:
    """Make the report of a kind and look at it."""
    import adnflex
    from adnflex.reporting.paper import browser

    with tempfile.TemporaryDirectory() as folder:
        page, frame = Path(folder) / "report.html", Path(folder) / "frame.html"
        plan, check, net = KINDS[key][1]()
        begin = time.process_time()
        adnflex.report(plan, check, page, net)
        seconds = round(time.process_time() - begin, 1)
        frame.write_text(FRAME.format(page=page.as_uri(), wide=WIDTH), encoding="utf-8")
        command = [
            browser(), "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
            f"--user-data-dir={folder}/profile", "--virtual-time-budget=60000", "--dump-dom", frame.as_uri(),
        ]  # fmt: skip
        shown = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
        told = re.search(r"told (\d+) (\d+) (\d+)", shown)
        if told is None:
            return {"error": "the figures were not drawn"}
        width, figures, drawn = (int(word) for word in told.groups())
        printed = adnflex.report(plan, check, Path(folder) / "report.pdf").read_bytes()
        pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", printed))
        return {"bytes": page.stat().st_size, "seconds": seconds, "width": width, "figures": figures, "drawn": drawn,
                "pages": pages}  # fmt: skip


def faults(key: str, record: common.Record) -> list[str]:
    """What a reader would miss."""
    if "error" in record:
        return [record["error"]]
    found = [] if record["width"] <= WIDTH else [f"{record['width']} px wide"]
    found += (
        [] if record["drawn"] >= record["figures"] else [f"{record['figures'] - record['drawn']} figures not drawn"]
    )
    # ten thousand buses have more to tell
    found += [] if record["bytes"] <= LARGEST or key == "big" else [f"{record['bytes']} bytes"]
    return found + ([] if record["pages"] else ["not printed"])


def page(stored: dict[str, common.Record]) -> str:
    """The table of kinds."""
    lines = [
        "# Reports in a browser",
        "",
        f"A report of every kind, opened from a file in headless Chromium in a frame of {WIDTH} px: is it wider,",
        "are all figures drawn? Seconds are processor time of `adnflex.report`, the order of operations included;",
        "pages are those of its PDF. Made by `python validation/reports/run.py`.",
        "",
        "| report of | MB | seconds | width in 400 px | figures drawn | A4 pages | faults |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for key, record in stored.items():
        told = "; ".join(faults(key, record)) or "none"
        if "error" in record:
            lines.append(f"| {KINDS[key][0]} | | | | | | {told} |")
            continue
        lines.append(
            f"| {KINDS[key][0]} | {record['bytes'] / 1e6:.2f} | {record['seconds']:.1f} | {record['width']} | "
            f"{record['drawn']} of {record['figures']} | {record['pages']} | {told} |"
        )
    return "\n".join([*lines, "", common.environment_text(stored)]) + "\n"


if __name__ == "__main__":
    parts = {key: ((lambda key=key: measured(key)), LIMIT) for key in KINDS}
    raise SystemExit(common.run_parts(__file__, __doc__, parts, faults, page))
