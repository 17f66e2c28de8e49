"""S3, and what it refuses."""
