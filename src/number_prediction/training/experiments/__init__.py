"""Several runs: comparison, cross-validation, sweeps."""
