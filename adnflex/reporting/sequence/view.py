"""A switching sequence as its report sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from adnflex.errors import InputError
from adnflex.reporting.labels import Labels
from adnflex.reporting.views import NetFacts, View
from adnflex.results.sequence import SequenceCheck, SwitchingSequence


@dataclass(frozen=True, kw_only=True)
class SequenceView(View):
    """A sequence and its check."""

    result: SwitchingSequence
    check: SequenceCheck | None
    timed = True

    @property
    def answer(self) -> SwitchingSequence:
        """The sequence."""
        return self.result

    @property
    def sequence(self) -> SwitchingSequence:
        """The sequence itself."""
        return self.result

    @property
    def proven(self) -> str:
        """What the status says of it, beside the words for all results."""
        return "no order of these operations is better" if self.answer.status == "optimal" else ""

    @cached_property
    def labels(self) -> Labels:
        """Names of buses and branches."""
        return Labels(self.answer.coordinates, self.answer.topology)

    def when(self, row: Any) -> str:
        """Say after which step, of a row of a table."""
        return f"step {row['step']}" if "step" in row else ""


def views(
    sequences: Sequence[SwitchingSequence], checks: Sequence[SequenceCheck | None], _facts: NetFacts | None = None
) -> list[SequenceView]:
    """One view a sequence; one without a check among others says so."""
    if len(checks) > len(sequences):
        raise InputError(f"checks: there are {len(checks)} for {len(sequences)} sequences; give one for each, or None.")
    known = [*checks, *[None] * (len(sequences) - len(checks))]
    return [SequenceView(name="switching sequence", result=s, check=c) for s, c in zip(sequences, known, strict=True)]
