"""The same call with a real local Dask cluster of two workers gives the same numbers to the last digit."""

from __future__ import annotations

import pandas as pd
from distributed import Client, LocalCluster

from adnflex import compare_policies


def test_a_dask_cluster_gives_the_same_numbers(case):
    policies = ["pool", "rollout"]
    arguments = {"days": 2, "seed": 5, "simulations": 3}
    here = compare_policies(case, policies, **arguments, workers=1)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        assert len(client.scheduler_info()["workers"]) == 2
        there = compare_policies(case, policies, **arguments, executor=client.get_executor())
    pd.testing.assert_frame_equal(there.days, here.days, check_exact=True)
    # how long a decision takes is the machine's affair
    both = (c.items.drop(columns=["seconds", "slowest_seconds"]) for c in (there, here))
    pd.testing.assert_frame_equal(*both, check_exact=True)
