"""Radial reconfiguration: the model, its search and its answer."""
