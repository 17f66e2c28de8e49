"""Answers and requests of the REST API. Pure."""
