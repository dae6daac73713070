"""Data sets: files -> pictures with labels; exploration and label errors."""
