"""What both kinds share. Pure."""
