"""Model files: verified, described, run."""
