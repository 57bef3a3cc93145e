"""Switching in the field: in which order, and what happens in between."""
