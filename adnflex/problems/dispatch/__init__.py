"""Day-ahead dispatch: the model, its search, recovery and tables."""
