"""Explanations of requirements that can't be had, in sentences that tell the next step."""
