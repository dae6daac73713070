"""Lattice and constraint -> the most probable texts."""
