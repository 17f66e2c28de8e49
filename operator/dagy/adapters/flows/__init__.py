"""What cluster and S3 hold of flow deployments."""
