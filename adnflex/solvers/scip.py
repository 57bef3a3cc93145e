"""Let SCIP, behind Pyomo, hear signals: it keeps Python from running at all unless it calls back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def hear_signals(solver: Any, asked: Callable[[], bool]) -> None:
    """Let Pyomo's direct interface to SCIP ask at every node and relaxation whether to end.

    Parameters
    ----------
    solver : object
        A solver of Pyomo; one of another kind is left as it is.
    asked : callable
        Whether it shall end.
    """
    make = getattr(solver, "_create_solver_model", None)
    if make is None or "scip" not in type(solver).__module__:
        return

    def made(*arguments: Any, **options: Any) -> Any:
        parts = make(*arguments, **options)
        parts[0].includeEventhdlr(_ear(asked), "adnflex_signals", "ends the search where a signal asks for it")
        return parts

    solver._create_solver_model = made


def _ear(asked: Callable[[], bool]) -> Any:
    import pyscipopt

    kinds = pyscipopt.SCIP_EVENTTYPE
    heard = kinds.PRESOLVEROUND | kinds.NODEFOCUSED | kinds.FIRSTLPSOLVED | kinds.LPSOLVED

    class Ear(pyscipopt.Eventhdlr):  # type: ignore[misc]
        def eventinit(self) -> None:
            self.model.catchEvent(heard, self)

        def eventexit(self) -> None:
            self.model.dropEvent(heard, self)

        def eventexec(self, event: Any) -> None:
            if asked():
                self.model.interruptSolve()

    return Ear()
