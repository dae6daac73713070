"""Numbers and words by whole hands on paper: pictures of lines with their classes."""
