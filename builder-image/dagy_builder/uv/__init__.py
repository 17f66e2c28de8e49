"""uv and what it writes: locks, in the form that travels."""
