"""Flexibility at the point of common coupling: the model, its search and tables."""
