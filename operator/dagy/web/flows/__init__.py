"""Routes for flow deployments and their code."""
