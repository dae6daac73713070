"""Review: doubtful numbers -> corrections by a person -> corrected results."""
