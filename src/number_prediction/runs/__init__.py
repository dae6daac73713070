"""Runs and sweeps: their folders and files."""
