"""Packages for pods: the webhook, and URLs that the init container asks for."""
