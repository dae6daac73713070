"""Filled sheet of a form -> the numbers in its fields."""
