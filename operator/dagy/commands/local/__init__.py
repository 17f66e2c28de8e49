"""`dagy validate` and `dagy build`."""
