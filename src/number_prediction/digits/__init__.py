"""Picture -> one digit, with warnings and a drawing of what the model saw."""
