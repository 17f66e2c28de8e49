"""What cluster and S3 hold of packages."""
