"""One picture -> one digit."""
