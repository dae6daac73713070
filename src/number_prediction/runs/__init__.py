"""Runs and sweeps: folders and their files."""
