"""What a package index has: its names, and the releases of one project. Pure."""
