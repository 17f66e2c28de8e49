"""Code shared by both kinds. Pure."""
