"""An artifact's files as an OCI image: which file is in which layer, the layers' bytes, the manifest."""
