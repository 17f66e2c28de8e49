"""The state machine of flow deployments. Pure."""
