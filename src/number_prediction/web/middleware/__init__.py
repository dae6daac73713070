"""What every request passes through: access rules, body limits, logs and metrics."""
