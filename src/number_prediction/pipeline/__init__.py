"""Names of files -> readers -> rows of results -> a file."""
