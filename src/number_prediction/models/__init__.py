"""Model files: verify, describe and run them."""
