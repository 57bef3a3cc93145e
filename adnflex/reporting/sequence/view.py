"""A switching sequence as its report sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adnflex.reporting.views import NetFacts, SteppedView, paired
from adnflex.results.sequence import SequenceCheck, SwitchingSequence


@dataclass(frozen=True, kw_only=True)
class SequenceView(SteppedView):
    """A sequence and its check."""

    result: SwitchingSequence
    check: SequenceCheck | None

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


def views(
    sequences: Sequence[SwitchingSequence], checks: Sequence[SequenceCheck | None], _facts: NetFacts | None = None
) -> list[SequenceView]:
    """One view a sequence; one without a check among others says so."""
    known = paired(sequences, checks, "sequences", some=True)
    return [SequenceView(name="switching sequence", result=s, check=c) for s, c in known]
