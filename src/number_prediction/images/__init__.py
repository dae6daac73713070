"""Pictures and documents -> pages."""
