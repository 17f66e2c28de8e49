"""Outcomes of Jobs, read from Jobs, pods and logs. Pure."""
