"""Whole runs: training one, measuring it, comparing several, cross-validation, sweeps."""
