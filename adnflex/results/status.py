"""How a search ended, in words: one vocabulary for plans, summaries, reports and the command line."""

from __future__ import annotations

#: Status of a plan that its own check fails.
NOT_PASSED = "not_passed"
#: Status of a state that somebody else chose.
GIVEN = "given"
#: Status of a point of a sweep that was not tried.
NOT_REACHED = "not_reached"

#: Word in `DispatchPlan.recovery` for a period where the plain relaxation was exact.
NO_RECOVERY = "none needed"

#: Every status that a result can have. What a solver says of one call is another list, `adnflex.solvers.ending`.
STATUSES = {
    "optimal": "the gap asked for is reached",
    "gap": "ended above the gap asked for, e.g. because the relaxation is loose",
    "complete": "every step of the search is done",
    "time_limit": "stopped at the time limit",
    "interrupted": "stopped by the user",
    "infeasible": "nothing meets every limit (proven)",
    "unproven": "ended without a proof of the gap asked for",
    GIVEN: "chosen by somebody else: nothing is proven of how good it is",
    NOT_PASSED: "no answer: these set-points fail their own check",
    NOT_REACHED: "the time was over before it",
    "not found": "no state that holds in AC power flow was found",
}


def status_words(status: str) -> str:
    """Say a status in words; one that is not in the list is said as it is.

    Examples
    --------
    >>> status_words("unproven")
    'ended without a proof of the gap asked for'
    """
    return STATUSES.get(status, status.replace("_", " "))


def told_status(status: str) -> str:
    """Return a status for a summary: the word, explained where it is not the best ending.

    Examples
    --------
    >>> told_status("optimal"), told_status("time_limit")
    ('optimal', 'time_limit (stopped at the time limit)')
    """
    return status if status in ("optimal", "complete") else f"{status} ({status_words(status)})"
