"""Access to the state of packages in cluster and S3."""
