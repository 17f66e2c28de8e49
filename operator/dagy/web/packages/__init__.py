"""Routes for packages."""
