"""The web console: its files, and what browsers may not do for other sites."""
