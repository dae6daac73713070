"""Names of files -> rows of results -> a file."""
