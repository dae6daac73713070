"""Everything that needs torch: architectures, framing, training, export. Extra `train`."""
