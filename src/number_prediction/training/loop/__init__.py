"""The training loop and what it holds."""
