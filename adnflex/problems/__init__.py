"""Recipes: each problem composed of devices and formulations."""
