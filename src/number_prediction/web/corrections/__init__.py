"""Corrections that people send: kept, listed, exported."""
