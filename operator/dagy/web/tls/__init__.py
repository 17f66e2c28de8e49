"""Certificates of the API and of the webhook."""
