"""What makes tests quick: nets that are made once, pandapower's questions to small tables, a seldom search for garbage.

pandapower makes its nets anew at every call, half a second each; a copy takes some milliseconds.
`tests/test_kept_nets.py` holds copies and originals to the same, and quick answers to those of pandas.
"""

from __future__ import annotations

import functools
import gc
import signal
import sys
from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any

import pandapower.auxiliary
import pandapower.networks
import pandas
import simbench

import adnflex.verbs.report


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
        return copy_of(made[key])

    return copied


def copy_of(net: Any) -> Any:
    """Copy a net; the templates of empty results, a third of its tables, are written by nobody and shared."""
    shared = {name: value for name, value in net.items() if name.startswith("_empty_res_")}
    light = copy(net)
    light.update(dict.fromkeys(shared))
    new = deepcopy(light)
    new.update(shared)
    return new


def put_everywhere(value: Any, instead: Any) -> None:
    """Put one object in place of another, in every module of its package that has imported it."""
    package = value.__module__.partition(".")[0]
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package:
            for attribute, found in list(vars(module).items()):
                if found is value:
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
    put_everywhere(_function, kept(_function))


_query = pandas.DataFrame.query


def asked(table: pandas.DataFrame, words: str, **settings: Any) -> Any:
    """Give what `DataFrame.query` gives, where that is plain to see: a third of the time of `runpp` on a small net."""
    if not settings and not len(table):
        return table.copy()
    if not settings and words in table.columns and table[words].dtype == bool:
        return table[table[words]]
    return _query(table, words, **settings)


pandas.DataFrame.query = asked
_preserve = pandapower.auxiliary._preserve_dtypes


def preserved(table: pandas.DataFrame, types: pandas.Series) -> None:
    """Do what pandapower does for a new element, for columns whose type it changed: a third of the time of `create`."""
    now = table.dtypes
    changed = [name for name, kind in types.items() if now[name] != kind]
    if changed:
        _preserve(table, types[changed])


put_everywhere(_preserve, preserved)


def pytest_collection_finish() -> None:
    """Leave what is imported and collected by now out of the search for garbage, and search seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
