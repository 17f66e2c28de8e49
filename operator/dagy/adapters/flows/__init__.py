"""Access to the state of flow deployments in cluster and S3."""
