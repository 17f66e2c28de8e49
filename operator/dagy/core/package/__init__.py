"""The state machine of packages. Pure."""
