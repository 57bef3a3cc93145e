"""Rollout, one agent at a time: improve a joint action by the estimated cost of candidates, agent by agent.

The algorithm knows callables only. Before an agent's turn the actions of all others are fixed numbers: those already
improved, and those of the reference; nobody reacts to a candidate. The joint action in force is always among the
candidates and wins ties, so that with exact costs the result is never worse than the reference.

References
----------
Bertsekas, "Multiagent reinforcement learning: rollout and policy iteration", IEEE/CAA J. Automatica Sinica 8(2), 2021,
doi:10.1109/JAS.2021.1003814.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

Joint = TypeVar("Joint")
Agent = TypeVar("Agent")


def one_at_a_time(
    reference: Joint,
    agents: Iterable[Agent],
    candidates: Callable[[Agent, Joint], Sequence[Joint]],
    costs: Callable[[Agent, Sequence[Joint]], ArrayLike],
    *,
    sweeps: int = 1,
    tie: float = 1e-7,
    stop: Callable[[], bool] = lambda: False,
) -> Joint:
    """Improve a joint action, one agent after the other.

    Parameters
    ----------
    reference : Joint
        The joint action to begin with.
    agents : iterable
        The agents, in the order of their turns.
    candidates : callable
        ``candidates(agent, joint)``: joint actions that differ from `joint` in this agent's part; the first is `joint`
        itself.
    costs : callable
        ``costs(agent, joints)``: one estimated cost for each. All of one call should meet the same futures.
    sweeps : int
        How often all agents have their turn; it ends early when a sweep changes nothing.
    tie : float
        What a candidate has to gain, at least.
    stop : callable
        Asked before each agent's turn; True ends it with what there is.

    Returns
    -------
    Joint
        The improved joint action.

    Examples
    --------
    Two agents share a cost of ``(a + b - 3)²``; each may move by one:

    >>> def steps(agent, joint):
    ...     return [joint] + [tuple(x + d * (k == agent) for k, x in enumerate(joint)) for d in (-1, 1)]
    >>> one_at_a_time((0, 0), (0, 1), steps, lambda agent, joints: [(a + b - 3) ** 2 for a, b in joints], sweeps=5)
    (2, 1)
    """
    joint, order = reference, list(agents)
    for _ in range(sweeps):
        before = joint
        for agent in order:
            if stop():
                return joint
            choices = candidates(agent, joint)
            if len(choices) < 2:
                continue
            cost = np.asarray(costs(agent, choices), dtype=float)
            best = int(np.argmin(cost))
            if cost[best] < cost[0] - tie:
                joint = choices[best]
        if joint is before:
            break
    return joint
