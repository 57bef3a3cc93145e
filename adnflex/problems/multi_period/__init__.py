"""One topology, or one a window, for many operating points."""
