"""The steps of a build: resolve, install, package, upload."""
