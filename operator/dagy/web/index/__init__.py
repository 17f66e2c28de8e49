"""Routes of the configured package index."""
