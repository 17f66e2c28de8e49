"""The controller of packages."""
