"""What the Jobs of packages look like. Pure."""
