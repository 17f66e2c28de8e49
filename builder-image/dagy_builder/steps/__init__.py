"""The steps of a build, each a container: resolve, install, package, upload."""
