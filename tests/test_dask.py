"""The same calls with a real local Dask cluster of two workers give the same numbers to the last digit."""

from __future__ import annotations

import os

import dask
import pandas as pd
import pytest
from distributed import Client, LocalCluster

import adnflex
from adnflex import compare_policies
from tests.verbs.test_sweep import LIMITS, TWO, ring, unchanged


@pytest.fixture(scope="module")
def client():
    # workers are forks where there are any: fresh ones import everything for some seconds each
    method = "fork" if hasattr(os, "fork") else "spawn"
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": method}),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        assert len(client.scheduler_info()["workers"]) == 2
        yield client


def test_days_of_policies_on_a_cluster(client):
    case = adnflex.RollingCase.load("rolling33")
    policies = ["pool", "rollout"]
    arguments = {"days": 2, "seed": 5, "simulations": 3, "check": False}
    here = compare_policies(case, policies, **arguments, workers=1)
    there = compare_policies(case, policies, **arguments, executor=client.get_executor())
    pd.testing.assert_frame_equal(there.days, here.days, check_exact=True)
    # how long a decision takes is the machine's affair
    both = (c.items.drop(columns=["seconds", "slowest_seconds"]) for c in (there, here))
    pd.testing.assert_frame_equal(*both, check_exact=True)


def test_a_sweep_on_a_cluster_whose_client_is_the_executor(client, tmp_path):
    there = adnflex.sweep({"a": ring()}, TWO, executor=client, store=tmp_path, **LIMITS)
    here = adnflex.sweep({"a": ring()}, TWO, workers=1, **LIMITS)
    pd.testing.assert_frame_equal(unchanged(there.table), unchanged(here.table), check_exact=True)
    assert there.table["cpu_s"].gt(0).all()
    assert len(list(tmp_path.glob("*-cell.json"))) == 2


def test_boxes_of_days_on_a_cluster(client):
    net = adnflex.networks.load("park33_flexibility")
    arguments = {"days": [3, 12], "hours_per_period": 24.0, "trajectories": 2}
    there, here = (adnflex.flexibility_sweep(net, **arguments, **by) for by in ({"executor": client}, {"workers": 1}))
    assert here.table["passed"].all()
    both = (found.table.drop(columns=["cpu_s"]) for found in (there, here))
    pd.testing.assert_frame_equal(*both, check_exact=True)
