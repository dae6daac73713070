"""Results -> HTML, PNG and CSV."""
