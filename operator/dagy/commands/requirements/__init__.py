"""`dagy requirements`."""
