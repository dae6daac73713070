"""Lines and pages -> numbers."""
