"""What is missing of a rolling schedule: hours not reached, and hours that policy or second stage did not decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from adnflex.grid.checks import shorten
from adnflex.problems.rolling.policy_names import base_name

if TYPE_CHECKING:
    from adnflex.problems.rolling.scheduler import RollingScheduler


def fallbacks_of(control: RollingScheduler, hours: pd.Index) -> pd.DataFrame:
    """Tabulate the hours that the base policy decided."""
    why = pd.DataFrame({"why": [d.fallback for d in control.history]}, index=hours, dtype=object)
    found = why[why["why"] != ""]
    return found.assign(policy=base_name(control.policy.name))[["policy", "why"]]


def notes_of(control: RollingScheduler) -> list[str]:
    """Say which hours were not reached, and which the policy did not decide."""
    case, notes = control.case, []
    if control.hour < case.hours and control.clock.spent:
        notes.append(
            f"the time was over before hour {control.hour}: hours {control.hour} to {case.hours - 1} are not "
            "decided, and the costs are those of the hours before."
        )
    lost = [d.hour for d in control.history if d.fallback]
    if lost:
        why = next(d.fallback for d in control.history if d.fallback)
        notes.append(
            f"{len(lost)} of {len(control.history)} hours were not solved and decided by the base policy "
            f"{base_name(control.policy.name)!r}: hour {shorten(lost)}; the first because {why.rstrip('.')}."
        )
    stood = [d.hour for d in control.history if d.reactive is not None and d.reactive.facts.get("unsolved")]
    if stood:
        notes.append(
            f"reactive power of {len(stood)} of {len(control.history)} hours was not solved: hour {shorten(stood)}; it "
            "is the best that a search with exact power flow found, and positions stayed."
        )
    return notes
