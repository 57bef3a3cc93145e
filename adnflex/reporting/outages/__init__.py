"""Reports on outages: one and its restoration, and all of a net."""
