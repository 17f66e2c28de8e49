"""Thousands of packages before the operator's own process: finished, waiting for a slot, and all at once."""
