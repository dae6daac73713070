"""Filled sheets of a form -> the numbers in its fields."""
