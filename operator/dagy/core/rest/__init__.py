"""What the REST API shows and takes. Pure."""
