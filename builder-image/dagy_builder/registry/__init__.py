"""A registry of images, by the OCI Distribution Specification 1.1: what is pushed and deleted there."""
