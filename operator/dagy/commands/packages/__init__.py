"""`dagy packages`."""
