"""A model and pictures of one hand -> the adapted model."""
