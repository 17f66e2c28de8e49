"""The configured package index, as the API asks it."""
