"""The controller of flow deployments."""
