"""One agent at a time."""

from __future__ import annotations

from adnflex.algorithms.rollout import one_at_a_time


def test_others_keep_their_numbers():
    seen = []

    def candidates(agent, joint):
        return [joint, tuple(x + (k == agent) for k, x in enumerate(joint))]

    def costs(agent, joints):
        seen.append(joints)
        return [-sum(j) for j in joints]

    assert one_at_a_time((0, 0, 0), range(3), candidates, costs) == (1, 1, 1)
    assert [joints[0] for joints in seen] == [(0, 0, 0), (1, 0, 0), (1, 1, 0)]


def test_the_action_in_force_wins_ties():
    assert one_at_a_time(0, [0], lambda a, j: [j, j + 1], lambda a, js: [1.0, 1.0 - 1e-9]) == 0


def test_sweeps_end_when_nothing_changes():
    turns = []

    def candidates(agent, joint):
        turns.append(agent)
        return [joint, min(joint + 1, 2)]

    assert one_at_a_time(0, [0], candidates, lambda agent, joints: [-j for j in joints], sweeps=10) == 2
    assert len(turns) == 3
