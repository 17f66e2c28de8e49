"""Figures of this machine: `make bench`, or `python -m tests.bench --help`. Printed, never asserted."""
