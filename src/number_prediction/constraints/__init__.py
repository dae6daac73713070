"""Constraints on a number: which texts are allowed."""
