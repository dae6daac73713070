"""Corrections that people send: routes and storage."""
