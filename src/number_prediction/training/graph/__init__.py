"""What the exported graph does before the network: ink and framing, without parameters."""
