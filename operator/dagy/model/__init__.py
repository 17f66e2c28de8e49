"""The types of the API and the names. No I/O, no decisions."""
