"""A sweep under way: cells side by side, each kept as soon as it ends, those of an earlier run taken from the store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from adnflex.algorithms.workers import worker_pool
from adnflex.problems.clock import Deadline, Progress
from adnflex.verbs.sweep_cells import CellAnswer, SweepTask, empty_row, run_cell
from adnflex.verbs.sweep_store import SweepStore


@dataclass
class SweepRun:
    """The cells of a sweep and what is done of them.

    Attributes
    ----------
    clock : Deadline
        Told of every cell.
    store : SweepStore
        Where finished cells are kept.
    found : dict of SweepTask to dict or None
        Row of every cell that is done.
    interrupted : bool
        Whether the user stopped it.
    notes : list of str
        What the reader has to know.
    """

    clock: Deadline
    store: SweepStore
    found: dict[SweepTask, dict[str, Any] | None] = field(default_factory=dict)
    interrupted: bool = False
    notes: list[str] = field(default_factory=list)

    def work(
        self,
        job: Callable[[SweepTask], CellAnswer],
        cells: Iterable[SweepTask],
        executor: Executor | None,
        workers: int | None,
    ) -> None:
        """Run the cells that are not in the store."""
        cells = list(cells)
        self.found = dict.fromkeys(cells) | self.store.rows(cells)
        missing = [cell for cell, row in self.found.items() if row is None]
        before = len(self.found) - len(missing)
        if before:
            self.notes.append(f"{before} of {len(self.found)} cells were there from an earlier run.")
        try:
            with worker_pool(partial(run_cell, job), executor, workers, lost=_Died) as crew:
                try:
                    for cell, answer in crew.each(missing):
                        self._take(cell, answer)
                except BaseException:
                    for cell, answer in crew.rescued():
                        self._take(cell, answer)
                    raise
                finally:
                    self.notes += crew.notes
        except KeyboardInterrupt:
            self.interrupted = True

    def _take(self, cell: SweepTask, answer: CellAnswer | _Died) -> None:
        if isinstance(answer, _Died):
            answer = CellAnswer(empty_row(cell, "died", f"its worker gave no answer: {answer.why}."))
        elif answer.plan is not None and answer.plan.status == "interrupted":  # the user wants no more of it
            raise KeyboardInterrupt
        self.store.keep(cell, answer)
        self.found[cell] = answer.row
        done = sum(row is not None for row in self.found.values())
        if self.clock.tell is not None:
            event = f"{done} of {len(self.found)} cells: {cell.name}: {answer.row['status']}"
            self.clock.tell(Progress(self.clock.now, math.nan, math.nan, event, done, len(self.found)))

    def table(self, columns: Iterable[str]) -> pd.DataFrame:
        """Return the row of every cell."""
        rows = [
            row or empty_row(cell, "missing", "interrupted before it was done.") for cell, row in self.found.items()
        ]
        return pd.DataFrame(rows, columns=list(columns))

    @property
    def record(self) -> dict[str, Any]:
        """What a result tells of the run."""
        return {
            "store": "" if self.store.folder is None else str(self.store.folder),
            "seconds": self.clock.now,
            "interrupted": self.interrupted,
            "notes": tuple(self.notes),
        }


@dataclass(frozen=True)
class _Died:
    """What a worker leaves that gave no answer."""

    why: str
