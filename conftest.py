"""Nets that pandapower makes anew at every call, half a second each, are made once in a process and copied.

A copy takes some milliseconds. `tests/test_kept_nets.py` holds copies and originals to the same.
"""

from __future__ import annotations

import functools
import gc
import signal
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pandapower
import pandapower.networks
import simbench

import adnflex.verbs.report

pytest_plugins = ["tests.slow"]


def hear_signals() -> None:
    """Undo what `nohup` and `&` of a script leave to a run: signals that are ignored, here and in every child."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


hear_signals()

# Orders of switching have tests of their own; the report of a plan takes the first one that it finds.
adnflex.verbs.report._ORDER_SECONDS = 0.5


def kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes its net once for each set of arguments, and gives copies of it."""
    made: dict[str, Any] = {}

    @functools.wraps(function)
    def copied(*args: Any, **kwargs: Any) -> Any:
        key = repr((args, sorted(kwargs.items())))
        if key not in made:
            made[key] = function(*args, **kwargs)
        return deepcopy(made[key])

    return copied


def keep_everywhere(function: Callable[..., Any]) -> None:
    """Put a keeping function in place of one, in every module of its package that has imported it."""
    instead, package = kept(function), function.__module__.partition(".")[0]
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package:
            for attribute, value in list(vars(module).items()):
                if value is function:
                    setattr(module, attribute, instead)


KEPT = (
    pandapower.create_empty_network,
    pandapower.networks.case33bw,
    pandapower.networks.mv_oberrhein,
    pandapower.networks.create_cigre_network_mv,
    pandapower.networks.create_cigre_network_lv,
    simbench.get_simbench_net,
)
for _function in KEPT:
    keep_everywhere(_function)


def pytest_collection_finish() -> None:
    """Leave what is imported and collected by now out of the search for garbage: six percent of the time of a run."""
    gc.collect()
    gc.freeze()
