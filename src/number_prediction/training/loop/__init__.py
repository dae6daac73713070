"""The training loop: tasks, batches, state, checkpoints, devices and processes."""
