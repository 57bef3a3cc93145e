"""Search and decomposition: they know callables and bounds, no volts."""
