"""Figures of results, and the pages of reports; `adnflex.report` writes them."""

from adnflex.reporting.kinds import KINDS, figure

__all__ = ["KINDS", "figure"]
