"""Canvases: surfaces on which a figure draws its series by what they mean, so that a figure is a short recipe."""

from adnflex.reporting.canvas.bars import BarFigure
from adnflex.reporting.canvas.day import DayFigure
from adnflex.reporting.canvas.heat import HeatFigure

__all__ = ["BarFigure", "DayFigure", "HeatFigure"]
