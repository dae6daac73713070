"""Pictures and documents -> pages: (H, W) uint8 grey, upright."""
