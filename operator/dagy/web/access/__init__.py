"""Routes about the caller: who it is, and where it may do what."""
