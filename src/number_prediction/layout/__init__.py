"""A page -> its marks, rules and lines of writing (NumPy and Pillow only)."""
