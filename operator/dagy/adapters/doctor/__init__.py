"""Gathers facts about an installation: with a kubeconfig from outside, and inside its pods."""
