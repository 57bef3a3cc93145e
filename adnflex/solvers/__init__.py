"""One gate to all solvers."""
