"""Manifests of packages' Jobs. Pure."""
