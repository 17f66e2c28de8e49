"""Attaching packages to pods: choice, checks and changes of the pod. Pure."""
