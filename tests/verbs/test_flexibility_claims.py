"""What may be said of a box: as metered a larger one exists, so no text may deny that; what is denied is less losses.

The larger box is built here: the same lower ends and storage powers, other reactive power of the sun at the upper ends,
which burns power in the lines. It is run in pandapower alone.
"""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pandapower as pp
import pytest
from scipy.optimize import linprog

import adnflex
from adnflex import networks
from adnflex.results.certificate import GREEN_CERTIFICATE
from tests.brute_force import RUNPP
from tests.reporting.reader import Reader

HOURS = [2, 3]
#: Where the sun's inverters begin [Mvar]: circles of reactive current.
START = np.array([0.4, 0.4, -0.4, -0.3, 0.4, 0.4, 0.4, -0.2, 0.4, 0.4])
#: Of every limit so much is left unused.
SPARE = 1e-6
#: No text made for a box may say these.
NEVER = (
    r"\bproven\b", r"\bproved?s?\b", r"\bproof\b", "largest possible", "best possible", "no box is larger",
    "no larger box", "corrected_bound",
)  # fmt: skip
#: These only where the linear model is named close by.
OF_THE_LINEAR_MODEL = (r"\boptimal\b", r"\boptimum\b", r"\blargest box", r"\bbound\b", r"\bgap \S*\d\S* ?%")


@pytest.fixture(scope="module")
def park():
    return networks.load("park33_flexibility")


@pytest.fixture(scope="module")
def flex(park):
    return adnflex.flexibility(park, periods=HOURS)


@pytest.fixture(scope="module")
def check(flex, park):
    return adnflex.validate(flex, park, trajectories=6, levels=3)


# -- a larger box --------------------------------------------------------------------------------------------------


class Hour:
    """The net in one hour, with set-points of the sun that can be changed."""

    def __init__(self, net, flex, period: int) -> None:
        self.net = flex.apply(net, period, float(flex.upper_mw[period]))
        self.sun = self.net.sgen.index[self.net.sgen["controllable"].fillna(False).astype(bool)]
        self.rated = self.net.sgen.loc[self.sun, "sn_mva"].to_numpy(dtype=float)

    def run(self, q) -> tuple[float, np.ndarray]:
        """Import [MW], and what every voltage [pu] and loading [-] has left of its limits."""
        self.net.sgen.loc[self.sun, "q_mvar"] = q
        pp.runpp(self.net, **RUNPP)
        vm = self.net.res_bus["vm_pu"].drop(self.net.ext_grid["bus"])
        bus = self.net.bus.loc[vm.index]
        rows = [bus["max_vm_pu"] - vm, vm - bus["min_vm_pu"]]
        limit = self.net.line["max_loading_percent"]
        rows.append((limit - self.net.res_line["loading_percent"])[self.net.line["in_service"] & limit.notna()] / 100)
        return float(self.net.res_ext_grid["p_mw"].sum()), np.concatenate(rows)

    def burn(self, start: np.ndarray, rounds: int = 4, step: float = 0.2) -> np.ndarray:
        """Raise the import by reactive power alone: linear programs within a trust region."""
        p = self.net.sgen.loc[self.sun, "p_mw"].to_numpy(dtype=float)
        most = np.sqrt(np.maximum(self.rated**2 - p**2, 0.0))
        q = np.clip(start, -most, most)
        best, left = self.run(q)
        for _ in range(rounds):
            slopes = [self.run(q + 1e-4 * e) for e in np.eye(len(q))]
            gain = np.array([(value - best) / 1e-4 for value, _ in slopes])
            room = np.array([(row - left) / 1e-4 for _, row in slopes]).T
            while step > 1e-5:
                bounds = [(max(-step, -m - x), min(step, m - x)) for m, x in zip(most, q, strict=True)]
                # what is broken now is mended as far as the region allows
                reach = np.abs(room).sum(axis=1) * step / 2
                found = linprog(-gain, -room, np.maximum(left - SPARE, -reach), bounds=bounds)
                value, there = self.run(q + found.x) if found.status == 0 else (best, left)
                if worth(value, there) > worth(best, left) + 1e-8:
                    q, best, left = q + found.x, value, there
                    break
                step /= 3
        return q


def worth(value: float, left: np.ndarray) -> float:
    """Import less a price on what is beyond limits."""
    return value - 100 * float(np.maximum(-left, 0.0).sum())


@pytest.fixture(scope="module")
def larger(flex, park):
    """Reactive power of the sun at the upper ends of the larger box, by hour."""
    found = {}
    for t in HOURS:
        found[t] = Hour(park, flex, t).burn(START)
    return found


def test_a_larger_box_exists_in_pandapower(flex, park, larger) -> None:
    total, useful = 0.0, 0.0
    for t in HOURS:
        upper = Hour(park, flex, t)
        low = flex.setpoints_lower.loc[t]
        imports: list[float] = []
        made: list[float] = []
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            mixed = low + share * (flex.setpoints_upper.loc[t] - low)
            for (table, column, index), value in mixed.items():
                upper.net[table].loc[index, column] = value
            below = np.array([low.get(("sgen", "q_mvar", i), 0.0) for i in upper.sun])
            q = below + share * (larger[t] - below)
            assert np.all(np.hypot(upper.net.sgen.loc[upper.sun, "p_mw"], q) <= upper.rated + 1e-9)
            value, left = upper.run(q)
            # every state of the mix keeps every limit, and storages do what they did
            assert left.min() >= -1e-7, (t, share, left.min())
            imports.append(value)
            made.append(value - float(upper.net.res_line["pl_mw"].sum()))
        assert np.all(np.diff(imports) > 0)
        assert imports[0] == pytest.approx(flex.lower_mw[t], abs=1e-5)
        total += imports[-1] - imports[0]
        useful += made[-1] - made[0]
    assert total > 1.01 * flex.total_mwh
    # so it beats the bound of the linear model as well, which bounds nothing in AC
    assert total > 1.001 * flex.linear.bound
    # it burns: of use it is as the smaller one, storages doing the same, and so below the bound
    burnt = flex.useful_mwh - sum(
        (e["import_mw"] - e["losses_mw"]).sum() * sign
        for sign, e in ((1, flex.ac.xs(1.0, level="share")), (-1, flex.ac.xs(0.0, level="share")))
    )
    assert useful + burnt == pytest.approx(flex.useful_mwh, rel=2e-3)
    assert useful + burnt <= flex.outer_mwh


# -- words ---------------------------------------------------------------------------------------------------------


def denials(text: str) -> list[str]:
    """Passages that deny a larger box in AC."""
    text = " ".join(text.replace("\u202f", " ").split())
    found = [text[max(m.start() - 60, 0) : m.end() + 60] for w in NEVER for m in re.finditer(w, text, re.IGNORECASE)]
    for word in OF_THE_LINEAR_MODEL:
        for m in re.finditer(word, text, re.IGNORECASE):
            around = text[max(m.start() - 160, 0) : m.end() + 160]
            if not re.search(r"linear|LinDistFlow|useful", around):
                found.append(around)
    return found


def test_the_words_are_looked_for() -> None:
    assert denials("largest possible: proven")
    assert denials("this box is optimal, bound 30.6, gap 0 %")
    assert denials("no box is larger by more than 1 %")
    assert not denials("of the linear model: optimal, bound 30.6")


@pytest.fixture(scope="module")
def best(park):
    return adnflex.reconfigure_for_flexibility(park, periods=HOURS, max_operations=2, search_time=1, workers=1)


@pytest.mark.parametrize("which", ["present", "reconfigured"])
def test_no_text_of_a_result_denies_a_larger_box(which, flex, best, check, park, tmp_path, request) -> None:
    boxes = [flex] if which == "present" else [flex, best]
    judged = check if which == "present" else adnflex.validate(best, park, trajectories=4, levels=2)
    assert judged.passed
    page = adnflex.report(boxes, judged, tmp_path / "r.html", net=park).read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(page)
    texts = [boxes[-1].summary(), judged.summary(), judged.verdict, reader.text, *boxes[-1].notes, *judged.notes]
    assert ('class="verdict caution"' in page) == (boxes[-1].certificate >= GREEN_CERTIFICATE)
    assert "a larger box may exist" in reader.text
    assert "a larger box may exist" in boxes[-1].summary()
    assert [d for text in texts for d in denials(text)] == []


def test_no_text_of_the_interface_denies_a_larger_box() -> None:
    from adnflex.verbs.reconfigure_for_flexibility import reconfigure_for_flexibility

    for thing in (adnflex.Flexibility, adnflex.FlexibilityCheck, adnflex.flexibility, reconfigure_for_flexibility):
        assert denials(str(thing.__doc__)) == [], thing
    names = {f.name for c in (adnflex.Flexibility, adnflex.FlexibilityCheck) for f in dataclasses.fields(c)}
    assert names.isdisjoint({"bound", "gap", "objective", "corrected_bound", "bound_kind"})


def test_the_help_of_the_command_denies_nothing(capsys) -> None:
    from adnflex.cli import main

    assert main(["flexibility", "--help"]) == 0
    # exit codes are those of all commands
    assert denials(capsys.readouterr().out.partition("exit codes:")[0]) == []


def test_what_is_of_the_linear_model_stays_together(flex, tmp_path) -> None:
    linear = flex.linear
    assert linear.total_mwh == pytest.approx(flex.separable.total_mwh)
    assert linear.gap == pytest.approx((linear.bound - linear.worth) / linear.worth, abs=1e-12)
    assert (linear.status, flex.status) == ("optimal", "complete")
    flex.save(tmp_path / "flex.json")
    assert adnflex.Flexibility.load(tmp_path / "flex.json").linear == linear
    assert set(json.loads((tmp_path / "flex.json").read_text())["content"]["linear"]) == set(vars(linear))
