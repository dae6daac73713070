"""Doubtful numbers -> a person -> corrected results."""
