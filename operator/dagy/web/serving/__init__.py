"""Serving HTTP to strangers, within bounds."""
