"""Compiled Python for the ZIP: the same bytes on every machine, made of the very sources that lie beside it."""
