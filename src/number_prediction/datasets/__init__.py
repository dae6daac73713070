"""Data sets: from files to pictures with labels."""
