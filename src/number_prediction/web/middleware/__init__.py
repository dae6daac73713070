"""What every request passes: access, limits, observation."""
