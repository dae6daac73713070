"""What is known of a number before it is read."""
