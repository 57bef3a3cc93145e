"""What may be believed of an answer: the banner, the certificate in words and as a key figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adnflex.reporting.page import Banner, Card, join, strong
from adnflex.reporting.text import capital, dash, distance, fixed, rounded_up, share
from adnflex.results.certificate import amber, disproved

#: Differences of this size are rounding, not findings.
_EXACT = 1e-9
#: The worst verdict of several counts for all.
_WORST = ("fail", "open", "caution", "pass")


@dataclass(frozen=True)
class Claim:
    """What an answer was made for, and how it is told.

    Attributes
    ----------
    subject, rival : str
        What the answer is called, and what could be better than it, e.g. ``plan`` and ``switch state``.
    name : str
        What is least, e.g. ``losses``.
    value, bound : float
        The value as it truly runs, and its proven lower bound.
    told : callable
        Writes a value, or a difference with so many digits.
    """

    subject: str
    rival: str
    name: str
    value: float
    bound: float
    told: Callable[..., str]

    def room(self, check: Any) -> str:
        """Difference from the bound: an upper limit, and so rounded up; a dash where it is not known."""
        value = check.certificate_absolute
        return dash if value is None or not math.isfinite(value) else self.told(rounded_up(value), 2)


def certificate_words(check: Any, claim: Claim) -> str:
    """Say how far an answer can be from the best possible, or why that is not known."""
    if check is None:
        what = f"it compares the {claim.subject} as it truly runs with the bound"
        return f"No certificate: {what}, so it needs the AC check."
    if not check.passed:
        return f"No certificate: it exists only for a {claim.subject} that passes the AC check."
    room, certificate = claim.room(check), check.certificate
    if certificate is None or not math.isfinite(certificate):
        if not math.isfinite(claim.bound):
            unknown = f"nothing is known about better {claim.subject}s"
            return f"No certificate: the solver proved no lower bound, so {unknown}."
        if room == dash:
            return "No certificate: the check gives none."
        return f"Certificate: no admissible {claim.rival} is better by more than {room} ({claim.name})."
    if disproved(certificate):
        return (
            f"No certificate: AC power flow finds {share(-certificate)} less {claim.name} than the bound allows, so "
            "the bound does not hold for the true network (see “How exact is the model”)."
        )
    if certificate <= _EXACT:
        least = f"No admissible {claim.rival} gets below {claim.told(claim.value)}"
        return f"Certificate: this is the best possible. {least} ({claim.name})."
    # Of an income nothing is saved.
    gain = f"save more than {room} of these" if claim.value > 0 else f"be better by more than {room} than"
    return (
        f"Certificate: {distance(certificate)} from the best possible {claim.name}. "
        f"No admissible {claim.rival} can {gain} {claim.told(claim.value)}."
    )


def certificate_card(check: Any, claim: Claim) -> Card:
    """Distance from the best possible as a key figure."""
    label = "From the best possible"
    if check is None or not check.passed:
        return Card(label, dash, "no certificate without a passed check")
    room, certificate = claim.room(check), check.certificate
    if certificate is None or not math.isfinite(certificate):
        return Card(label, room, "no bound was proven" if room == dash else "at most")
    if disproved(certificate):
        return Card(label, dash, "bound and AC power flow disagree")
    if certificate <= _EXACT:
        return Card(label, fixed(0, 0, "%"), "proven best, within rounding")
    return Card(label, distance(certificate, "≤"), f"at most {room}, proven")


def judge_cards(check: Any) -> list[Card]:
    """Who ran the power flows of several states: pandapower, and beside it another judge."""
    if check is None or check.power_flows <= 1:
        return []
    value = f"{check.by_pandapower:,} of {check.power_flows:,}"
    below = "all states"
    if check.other_judge:
        difference = f"largest difference {check.judge_difference:.1e}"
        below = f"all states by {check.other_judge}; a sample and the states nearest to limits by both, {difference}"
    return [Card("Power flows by pandapower", value, below)]


def banner(check: Any, passed: str, failed: str, missing: str, remark: str, doubt: str | None = None) -> Banner:
    """Banner of one answer: green, or amber with the reason where there is a reservation, red, or not decided.

    Parameters
    ----------
    check : Check, DispatchCheck, ... or None
        Its AC check.
    passed, failed : str
        Headlines.
    missing : str
        What is said where there is no check.
    remark : str
        What else belongs to the banner.
    doubt : str, optional
        The reservation; by default that of the check.
    """
    if check is None:
        return Banner("open", "Not validated", missing, remark)
    sentence = capital(check.verdict).rstrip(".") + "."
    if not check.passed:
        return Banner("fail", failed, sentence, remark, scope=check.scope)
    if doubt := check.doubt if doubt is None else doubt:
        return Banner("caution", passed, f"{sentence} {amber(doubt)}", remark, scope=check.scope)
    return Banner("pass", passed, sentence, remark, scope=check.scope)


def together(names: Sequence[str], verdicts: Sequence[Banner], what: str) -> Banner:
    """Banner of several answers: the worst of them, and a line for each.

    Examples
    --------
    >>> both = together(["a", "b"], [Banner("pass", "Passed", "All is met."), Banner("fail", "FAILED", "No.")], "plans")
    >>> both.kind, both.headline, both.lines[1]
    ('fail', 'FAILED: b', Markup('<strong>b</strong> FAILED. No.'))
    """
    if len(verdicts) == 1:
        return verdicts[0]
    worst = min((v.kind for v in verdicts), key=_WORST.index)
    whose = ", ".join(name for name, v in zip(names, verdicts, strict=True) if v.kind == worst)
    passed = f"Passed: all {len(names)} {what}"
    good = ", ".join(name for name, v in zip(names, verdicts, strict=True) if v.kind == "pass")
    headline = {
        "fail": f"FAILED: {whose}",
        "open": f"Passed: {good}. Not validated: {whose}" if good else f"Not validated: {whose}",
    }.get(worst, passed)
    lines = (
        join(strong(name), *(f" {words}" for words in (f"{v.headline}.", v.sentence, v.remark, v.scope) if words))
        for name, v in zip(names, verdicts, strict=True)
    )
    return Banner(worst, headline, "", lines=tuple(lines))
