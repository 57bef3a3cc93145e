"""Algebra only: no table, no device, no solver."""
