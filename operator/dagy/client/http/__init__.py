"""Requests to the API: who asks, how often, and what is answered."""
