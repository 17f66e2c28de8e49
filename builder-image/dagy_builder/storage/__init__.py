"""S3, and its refusals."""
