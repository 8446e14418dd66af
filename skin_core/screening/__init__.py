"""Bundles, the LiteRT engine, and what screening one image returns. Nothing here needs TensorFlow but `export`."""
