"""The REST API: FastAPI over the Kubernetes API and S3. Each request acts with its caller's own token."""
