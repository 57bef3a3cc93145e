"""Regions of active and reactive power at the point of common coupling."""
