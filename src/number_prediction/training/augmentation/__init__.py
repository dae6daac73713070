"""Training pictures, changed at random."""
