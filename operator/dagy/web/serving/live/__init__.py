"""Answers that last."""
